"""Encryption of the private keys in the database, with a key that is derived from the service's secret."""

from typing import Final

from auth_service.keys.errors import WrongSecretKey
from lightbox_shared.storage.encryption import Cipher, NotDecryptable

_PURPOSE: Final = "lightbox auth-service: signing keys at rest, 1"


class KeyCipher:
    """Encrypts and decrypts private keys."""

    def __init__(self, secret_key: str) -> None:
        self._cipher = Cipher(secret_key, _PURPOSE)

    def encrypt(self, pem: bytes) -> str:
        """ASCII text that only the same secret decrypts."""
        return self._cipher.encrypt(pem)

    def decrypt(self, encrypted: str) -> bytes:
        """The PEM. Raises `WrongSecretKey`, also if the text was changed."""
        try:
            return self._cipher.decrypt(encrypted)
        except NotDecryptable as error:
            raise WrongSecretKey from error
