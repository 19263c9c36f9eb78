"""Importing the accounts of another system, with the hashes of their passwords there."""
