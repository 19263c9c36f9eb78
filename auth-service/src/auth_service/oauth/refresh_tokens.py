"""Refresh tokens as such: 256 random bits, kept as their SHA-256, and how one seals the next.

A client that lost the answer to a refresh, or refreshes in two tabs at once, shows the same token twice and must get
the same successor. It is kept for that, encrypted (Fernet) under a key derived from its predecessor by HKDF (RFC 5869):
who has the database alone has neither.
"""

import base64
import hashlib
import re
import secrets
from typing import Final

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "lbr_"
_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_PURPOSE: Final = b"lightbox auth-service: successor of a refresh token, 1"


def new() -> str:
    """A token that there never was."""
    return PREFIX + secrets.token_urlsafe(32)


def is_well_formed(token: str) -> bool:
    """Whether it could be one of ours."""
    return _FORM.fullmatch(token) is not None


def digest(token: str) -> bytes:
    """What is kept of it."""
    return hashlib.sha256(token.encode()).digest()


def seal(predecessor: str, successor: str) -> bytes:
    """`successor`, for whoever shows `predecessor`."""
    return _cipher(predecessor).encrypt(successor.encode())


def unseal(predecessor: str, sealed: bytes) -> str:
    """The successor. Raises `cryptography.fernet.InvalidToken` for what was not sealed with `predecessor`."""
    return _cipher(predecessor).decrypt(sealed).decode()


def _cipher(predecessor: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(predecessor.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
