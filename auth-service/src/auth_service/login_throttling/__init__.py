"""Login throttling: guessing passwords is slowed down by account and by address, without locking owners out of their
accounts."""
