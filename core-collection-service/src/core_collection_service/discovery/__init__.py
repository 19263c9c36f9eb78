"""Discovery: what there is (RFC 6690)."""
