"""Accounts of another system, with the hashes of the passwords that their owners have there."""
