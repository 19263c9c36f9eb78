"""Deletes the bytes that nothing refers to any more."""
