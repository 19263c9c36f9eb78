"""Accounts: their names, profiles and authorities, and who may look at, make, change and delete them."""
