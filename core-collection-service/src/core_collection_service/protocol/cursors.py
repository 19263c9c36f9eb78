"""Cursors that belong to one list: a position, sealed with the name of its list.

The seal finds mistakes: a cursor of another list, or one that was changed on its way. It is no secret and protects
nothing. What a caller may see is decided with every page again, and a position is checked like any other input, since
every client can make one with a valid seal.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2s
from typing import Final

LONGEST_CURSOR: Final = 2048
"""In characters."""
_SEAL_BYTES: Final = 8
_SEPARATOR: Final = "\0"
"""Names of lists do not contain it: device ids have no control characters, names of collections have letters, digits
and hyphens."""


class NotACursor(ValueError):
    """The text is not a cursor, or one of another list."""


def sealed(position: bytes, *of_list: str) -> str:
    """The cursor of a position in the list with these names. It consists of letters, digits, `-` and `_`."""
    return urlsafe_b64encode(_seal(position, of_list) + position).rstrip(b"=").decode()


def opened(cursor: str, *of_list: str) -> bytes:
    """The position in a cursor of the list with these names. Raises `NotACursor`."""
    if len(cursor) > LONGEST_CURSOR:
        raise NotACursor
    try:
        found = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, UnicodeError) as error:
        raise NotACursor from error
    position = found[_SEAL_BYTES:]
    if sealed(position, *of_list) != cursor:  # this also refuses other base64 for the same bytes
        raise NotACursor
    return position


def opened_text(cursor: str, parts: int, *of_list: str) -> list[str]:
    """The position in a cursor that `sealed_text` made, as that many parts. Raises `NotACursor`."""
    try:
        found = opened(cursor, *of_list).decode().split(_SEPARATOR)
    except UnicodeDecodeError as error:
        raise NotACursor from error
    if len(found) != parts:
        raise NotACursor
    return found


def sealed_text(position: Sequence[str], *of_list: str) -> str:
    """The cursor of a position that consists of texts without NUL."""
    return sealed(_SEPARATOR.join(position).encode(), *of_list)


def _seal(position: bytes, of_list: tuple[str, ...]) -> bytes:
    name = _SEPARATOR.join(of_list).encode()
    return blake2s(len(name).to_bytes(4) + name + position, digest_size=_SEAL_BYTES).digest()
