"""What an API key looks like: `lbx_`, 256 random bits, and a checksum, in letters and digits.

The checksum lets the gateway refuse what somebody has mistyped or made up without asking anybody, and the prefix lets
scanners of public repositories find keys that were published by mistake. It protects nothing: anybody can compute it.
"""

import hashlib
import re
import string
import zlib
from typing import Final

PREFIX: Final = "lbx_"
RANDOM_BYTES: Final = 32
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH: Final = 6  # 62 ** 6 > 2 ** 32
_KEY: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})")


def make(random: bytes) -> str:
    """The key of 32 random bytes. Raises `ValueError` for another number of them."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} bytes")
    body = _base62(int.from_bytes(random), _RANDOM_LENGTH)
    return PREFIX + body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether this could be a key: its form and its checksum are right."""
    found = _KEY.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def digest(text: str) -> bytes:
    """What is kept in place of a key: its SHA-256, which is enough for something that nobody can guess."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """Big-endian, filled up with zeros."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
