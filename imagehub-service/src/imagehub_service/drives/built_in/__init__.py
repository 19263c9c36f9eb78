"""The drive in the database of the service."""
