"""The keys that sign tokens: how they are made, encrypted, published and rotated."""
