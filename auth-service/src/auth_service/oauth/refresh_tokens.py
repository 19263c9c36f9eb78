"""Refresh tokens: 256 random bits, of which the database has the SHA-256, and the encryption of a token's successor.

A client that lost the answer to a refresh, or that refreshes in two tabs at once, sends the same token twice and must
get the same successor. So the successor is stored, encrypted (Fernet) with a key that is derived from its predecessor
by HKDF (RFC 5869): the database alone reveals neither of them.
"""

import hashlib
import re
import secrets
from typing import Final

from lightbox_shared.storage.encryption import Cipher

PREFIX: Final = "lbr_"
_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
_PURPOSE: Final = "lightbox auth-service: successor of a refresh token, 1"


def new() -> str:
    """A new random token."""
    return PREFIX + secrets.token_urlsafe(32)


def is_well_formed(token: str) -> bool:
    """Whether a text has the form of a refresh token."""
    return _FORM.fullmatch(token) is not None


def digest(token: str) -> bytes:
    """The SHA-256 of a token, which the database has in its place."""
    return hashlib.sha256(token.encode()).digest()


def seal(predecessor: str, successor: str) -> bytes:
    """The successor, encrypted so that the predecessor decrypts it."""
    return Cipher(predecessor, _PURPOSE).encrypt(successor.encode()).encode()


def unseal(predecessor: str, sealed: bytes) -> str:
    """The decrypted successor. Raises `lightbox_shared.storage.encryption.NotDecryptable` if it was not encrypted with
    `predecessor`."""
    return Cipher(predecessor, _PURPOSE).decrypt(sealed.decode()).decode()
