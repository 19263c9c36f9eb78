"""Encryption of the private keys in the database: Fernet (AES-128-CBC with HMAC-SHA256), with a key that is derived
from the service's secret.

The `info` of HKDF (RFC 5869) separates this key from others that are derived from the same secret.
"""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from auth_service.keys.errors import WrongSecretKey

_PURPOSE: Final = b"lightbox auth-service: signing keys at rest, 1"


class KeyCipher:
    """Encrypts and decrypts private keys."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def encrypt(self, pem: bytes) -> str:
        """ASCII text that only the same secret decrypts."""
        return self._fernet.encrypt(pem).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """The PEM. Raises `WrongSecretKey`, also if the text was changed."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as error:
            raise WrongSecretKey from error
