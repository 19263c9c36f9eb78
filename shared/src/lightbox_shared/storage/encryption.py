"""Encryption of what a service keeps in its database: Fernet (AES-128-CBC with HMAC-SHA256), with a key that is derived
from the service's secret.

The `info` of HKDF (RFC 5869) separates the keys of different purposes that are derived from the same secret.
"""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32


class NotDecryptable(Exception):
    """The text was changed, or encrypted with another secret or for another purpose."""


class Cipher:
    """Encrypts and decrypts for one purpose."""

    def __init__(self, secret_key: str, purpose: str) -> None:
        """`purpose` names the service and what is encrypted: what has another purpose can't be decrypted."""
        derived = HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode()).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, plain: bytes) -> str:
        """ASCII text that only the same secret decrypts, for the same purpose."""
        return self._fernet.encrypt(plain).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """What was encrypted. Raises `NotDecryptable`."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise NotDecryptable from error
