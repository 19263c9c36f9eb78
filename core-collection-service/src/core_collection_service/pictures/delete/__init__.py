"""Deleting pictures for good."""
