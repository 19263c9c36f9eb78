"""The formats of constrained devices, without a socket or a table in them."""
