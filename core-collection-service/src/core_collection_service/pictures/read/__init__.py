"""Reading one picture: by device and time, by id, or the newest of a device."""
