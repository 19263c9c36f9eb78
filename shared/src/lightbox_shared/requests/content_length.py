"""The length that a message announces for its body (RFC 9110 section 8.6)."""

import sys
from typing import Final

_DIGITS: Final = 18
"""A number of so many digits fits into 64 bits. Python refuses to read those of more than 4,300."""


def content_length(value: str | bytes | None) -> int | None:
    """The number of bytes in a field `Content-Length`; None if there is none, or if it is no number.

    A number that is larger than any body counts as `sys.maxsize`, whatever its number of digits.
    """
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _DIGITS else sys.maxsize
