"""Authorization codes (RFC 6749 section 4.1), and the consents of accounts."""
