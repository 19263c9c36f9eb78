"""Discovery of the collections (RFC 6690)."""
