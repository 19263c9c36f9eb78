"""Which services may call others, and for which secret."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from lightbox_shared.errors import NotAuthenticated

_CHALLENGE: Final = 'Basic realm="lightbox services", charset="UTF-8"'


class NotAService(NotAuthenticated):
    """The name and the secret are not those of a service."""

    code = "not-a-service"
    default_detail = "The name or the secret of the service is wrong, or missing."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": _CHALLENGE})


class ServiceSecrets:
    """The services' secrets, kept as digests: those have one length, so comparing them tells nothing."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._digests = {name: _digest(secret) for name, secret in secrets.items()}

    def authenticate(self, authorization: str) -> str:
        """The service of an `Authorization: Basic` header (RFC 7617). Raises `NotAService`."""
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            raise NotAService
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise NotAService from error
        name, _, secret = decoded.partition(":")
        known = self._digests.get(name)
        if not hmac.compare_digest(known or _digest(""), _digest(secret)) or known is None:
            raise NotAService
        return name


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
