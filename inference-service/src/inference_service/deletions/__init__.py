"""Deleting what an account has had read, with all that belongs to it."""
