"""The `Authorization: Basic` header (RFC 7617), with which people and services sign in."""

import base64


def decode_basic(header: str | None) -> str | None:
    """The decoded credentials, normally `name:password`; None if there is no header, or one of another scheme.

    Raises `ValueError` for a value that is not base64, or not UTF-8.
    """
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    return base64.b64decode(encoded.strip(), validate=True).decode()
