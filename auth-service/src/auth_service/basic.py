"""The `Authorization: Basic` header (RFC 7617), which people and services send alike."""

import base64


def decode_basic(header: str | None) -> str | None:
    """`name:password` as it was encoded, with or without its colon; None for no header or another scheme. Raises
    `ValueError` for what is no base64, or no UTF-8."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return base64.b64decode(encoded.strip(), validate=True).decode()
