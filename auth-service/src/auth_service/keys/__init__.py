"""The keys that sign tokens: made, encrypted, published, rotated."""
