"""Guessing passwords is slowed by account and by address, and nobody can lock somebody else out."""
