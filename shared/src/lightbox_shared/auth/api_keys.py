"""The format of API keys: `lbx_`, 256 random bits and a checksum, in base 62.

By the checksum the gateway refuses mistyped and invented keys without a call of auth-service, and by the prefix
scanners of public repositories find keys that were published by mistake. The checksum is no protection: it needs no
secret.
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
    """Make a key from 32 random bytes. Raises `ValueError` for another number of bytes."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} bytes")
    body = _base62(int.from_bytes(random), _RANDOM_LENGTH)
    return PREFIX + body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Whether a text has the form of a key and a correct checksum. It need not have been issued."""
    found = _KEY.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def digest(text: str) -> bytes:
    """The SHA-256 of a key, which is stored in its place. No slow hash is needed for 256 random bits."""
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    """`number` in base 62, most significant digit first, with leading zeros up to `length` digits."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
