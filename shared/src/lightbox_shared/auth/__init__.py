"""Authentication: access tokens, the keys that verify them, and dependencies that authorize callers of endpoints."""
