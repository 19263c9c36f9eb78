"""Links that work without a header and expire: what an `<img>` tag can load (itsdangerous, HMAC-SHA256)."""

import hashlib
import time
from collections.abc import Callable

from itsdangerous import BadData, URLSafeSerializer

from lightbox_shared.errors import NotFound


class SignedLinks:
    """Signs small values for one purpose; a value signed for another purpose is refused."""

    def __init__(self, secret: str, purpose: str, *, clock: Callable[[], float] = time.time) -> None:
        self._serializer = URLSafeSerializer(secret, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})
        self._clock = clock

    def sign(self, value: str | int, *, lifetime_seconds: int) -> str:
        """URL-safe text that gives `value` back until it expires. The same value gets the same text for a quarter
        of its lifetime, so that browsers can cache what is behind it."""
        step = max(lifetime_seconds // 4, 1)
        expires_at = (int(self._clock()) // step + 1) * step + lifetime_seconds
        signed: str | bytes = self._serializer.dumps([value, expires_at])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, text: str) -> str | int:
        """The value. Raises `NotFound` for a forged or expired text alike."""
        try:
            value, expires_at = self._serializer.loads(text)
        except (BadData, TypeError, ValueError) as error:
            raise NotFound from error
        if not isinstance(value, str | int) or expires_at < self._clock():
            raise NotFound
        return value
