"""Login sessions: their tokens, and the feed of sessions that were revoked."""
