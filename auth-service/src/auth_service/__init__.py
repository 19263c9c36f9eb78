"""Accounts, sessions and signing keys: the only service of the platform that can sign a token."""
