"""The public keys of auth-service (RFC 7517), fetched, remembered, and kept when auth-service is down.

An unknown `kid` fetches again, but at most once a minute, so that made-up ones can't turn every request into a call.
The address is configuration; a token's own `jku`, `x5u` or `jwk` is never looked at.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import structlog
from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError

from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

REFRESH_SECONDS: Final = 300.0
REFETCH_AT_MOST_EVERY_SECONDS: Final = 60.0
RETRY_WHILE_EMPTY_SECONDS: Final = 1.0

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]
"""Returns a JWK set; raises when it can't be had."""


class KeySet:
    """Keys by `kid`."""

    def __init__(self, fetch: FetchKeys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = anyio.Lock()

    async def find(self, kid: str) -> Key | None:
        """The key, or None if the issuer has none of that id. Raises `Unavailable` when no set was ever had."""
        key = self._keys.get(kid)
        stale = self._clock() - self._fetched_at > REFRESH_SECONDS
        # Whoever has a key that verifies does not wait for somebody else's refresh.
        if key is None or (stale and not self._lock.statistics().locked):
            await self._refetch(urgent=key is None)
            key = self._keys.get(kid)
        if not self._keys:
            raise Unavailable("The keys that verify tokens can't be fetched at the moment.")
        return key

    async def _refetch(self, *, urgent: bool) -> None:
        async with self._lock:
            now = self._clock()
            pause = REFETCH_AT_MOST_EVERY_SECONDS if self._keys else RETRY_WHILE_EMPTY_SECONDS
            fresh = now - self._fetched_at <= REFRESH_SECONDS
            if now - self._tried_at < pause or (fresh and not urgent):
                return
            self._tried_at = now
            try:
                self._keys = _parse(await self._fetch())
                self._fetched_at = now
            except Exception as error:  # noqa: BLE001 - whatever went wrong, the old keys still verify
                log.warning("could not fetch the signing keys", error=str(error) or type(error).__name__)


def _parse(document: dict[str, Any]) -> dict[str, Key]:
    """RSA signing keys with an id; whatever else is in the set is for somebody else."""
    keys: dict[str, Key] = {}
    for entry in document["keys"]:
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and entry.get("kid"):
            try:
                keys[entry["kid"]] = jwk.construct(entry, "RS256")
            except (JOSEError, TypeError, ValueError):  # one bad key must not cost the good ones
                log.warning("a published key can't be read", kid=entry["kid"])
    return keys
