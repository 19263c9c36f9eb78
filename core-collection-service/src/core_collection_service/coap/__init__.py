"""CoAP: the same resources over UDP (RFC 7252), observed (RFC 7641) and in blocks (RFC 7959)."""
