"""Base64 (RFC 4648) as devices write it."""

import binascii
from typing import Final

BLANKS: Final = " \t\r\n"
"""What may stand between the digits."""
_FROM_URL_SAFE: Final = str.maketrans("-_", "+/")


def encoded_size(size: int) -> int:
    """How many characters `size` bytes become."""
    return (size + 2) // 3 * 4


def decode_base64(text: str) -> bytes:
    """The bytes. Both alphabets are read (RFC 4648 sections 4 and 5), padded, also with `BLANKS` in between. Raises
    `ValueError`."""
    try:
        return _decode_strictly(text)
    except ValueError:
        return _decode_strictly("".join(text.split()).translate(_FROM_URL_SAFE))


def _decode_strictly(text: str) -> bytes:
    if len(text) % 4:
        raise ValueError("not padded to a multiple of four")  # the library accepts too much padding
    return binascii.a2b_base64(text, strict_mode=True)
