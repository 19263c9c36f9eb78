"""Signed values for links that need no header and expire, such as those in `<img>` elements (HMAC-SHA256)."""

import hashlib
import time
from collections.abc import Callable

from itsdangerous import BadData, URLSafeSerializer

from lightbox_shared.errors import NotFound


class SignedLinks:
    """Signs small values for one purpose. A value that was signed for another purpose is not accepted."""

    def __init__(self, secret: str, purpose: str, *, clock: Callable[[], float] = time.time) -> None:
        self._serializer = URLSafeSerializer(secret, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})
        self._clock = clock

    def sign(self, value: str | int, *, lifetime_seconds: int) -> str:
        """A URL-safe text from which `read` gets `value` for at least `lifetime_seconds`.

        For a quarter of that time the same value has the same text, so that browsers can cache what the link leads to.
        """
        step = max(lifetime_seconds // 4, 1)
        expires_at = (int(self._clock()) // step + 1) * step + lifetime_seconds
        signed: str | bytes = self._serializer.dumps([value, expires_at])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, text: str) -> str | int:
        """The value in a signed text. Raises `NotFound` both for a forged and for an expired one."""
        try:
            value, expires_at = self._serializer.loads(text)
        except (BadData, TypeError, ValueError) as error:
            raise NotFound from error
        if not isinstance(value, str | int) or expires_at < self._clock():
            raise NotFound
        return value
