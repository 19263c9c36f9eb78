"""OAuth 2 (RFC 6749, 7009, 7662, 8414, 9068): tokens for the platform's own clients and services."""
