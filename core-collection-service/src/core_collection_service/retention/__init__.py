"""Retention: how long the pictures of a device are kept, and how many bytes of them."""
