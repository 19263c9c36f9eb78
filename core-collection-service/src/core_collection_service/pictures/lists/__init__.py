"""Lists of pictures: by time, and the newest of each device (`core.b`)."""
