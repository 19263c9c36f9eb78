"""Cursors that belong to one list: a position, sealed with the name of its list.

The seal is no secret and protects nothing: what a caller may see is decided anew with every page. It tells whoever
sends a cursor to another list, or one that was changed on its way, that this is a mistake. Anybody can make one with a
seal that fits: whoever opens it checks the position as any other input.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2s
from typing import Final

LONGEST: Final = 2048
_SEAL_BYTES: Final = 8
_SEPARATOR: Final = "\0"
"""In no name of a list: devices have no control characters, collections have letters, digits and hyphens."""


class NotACursor(ValueError):
    """Not made by `sealed`, or for another list."""


def sealed(position: bytes, *of_list: str) -> str:
    """The cursor of a position in the list with these names: letters, digits, `-` and `_`."""
    return urlsafe_b64encode(_seal(position, of_list) + position).rstrip(b"=").decode()


def opened(cursor: str, *of_list: str) -> bytes:
    """The position. Raises `NotACursor`."""
    if len(cursor) > LONGEST:
        raise NotACursor
    try:
        found = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, UnicodeError) as error:
        raise NotACursor from error
    position = found[_SEAL_BYTES:]
    if sealed(position, *of_list) != cursor:  # which also refuses a second way of writing the same bytes
        raise NotACursor
    return position


def opened_text(cursor: str, parts: int, *of_list: str) -> list[str]:
    """The parts of a position that `sealed_text` made. Raises `NotACursor`, also where there are more or fewer."""
    try:
        found = opened(cursor, *of_list).decode().split(_SEPARATOR)
    except UnicodeDecodeError as error:
        raise NotACursor from error
    if len(found) != parts:
        raise NotACursor
    return found


def sealed_text(position: Sequence[str], *of_list: str) -> str:
    """The cursor of a position that is made of texts without NUL."""
    return sealed(_SEPARATOR.join(position).encode(), *of_list)


def _seal(position: bytes, of_list: tuple[str, ...]) -> bytes:
    name = _SEPARATOR.join(of_list).encode()
    return blake2s(len(name).to_bytes(4) + name + position, digest_size=_SEAL_BYTES).digest()
