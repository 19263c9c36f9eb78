"""The process of a service: its port, its start, and the signals that end it."""
