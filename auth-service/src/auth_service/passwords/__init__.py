"""Passwords: what a new one must be like, how they are hashed, and which hashes of other systems are accepted."""
