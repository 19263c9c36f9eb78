"""The public keys of auth-service (RFC 7517), fetched and cached; while auth-service is down the cached ones are used.

An unknown `kid` causes another fetch, but at most one a minute, so that tokens with invented ones do not cause a call
each. The address of the keys is configuration; `jku`, `x5u` and `jwk` in the header of a token are ignored.
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
"""Returns a JWK set (RFC 7517 section 5); raises any exception when it can't be fetched."""


class KeySet:
    """A cached JWK set, refreshed after `REFRESH_SECONDS`."""

    def __init__(self, fetch: FetchKeys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = anyio.Lock()

    async def find(self, kid: str) -> Key | None:
        """The key with this id, or None if the issuer has none. Raises `Unavailable` if keys were never fetched."""
        key = self._keys.get(kid)
        stale = self._clock() - self._fetched_at > REFRESH_SECONDS
        # A caller whose key is cached does not wait for a refresh that another caller has begun.
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
            except Exception as error:  # noqa: BLE001 - after any failure the old keys still verify
                log.warning("could not fetch the signing keys", error=str(error) or type(error).__name__)


def _parse(document: dict[str, Any]) -> dict[str, Key]:
    """The RSA signing keys in a JWK set by id. Keys of other types and uses are not for this platform's tokens."""
    keys: dict[str, Key] = {}
    for entry in document["keys"]:
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and entry.get("kid"):
            try:
                keys[entry["kid"]] = jwk.construct(entry, "RS256")
            except (JOSEError, TypeError, ValueError):  # the other keys are used all the same
                log.warning("a published key can't be read", kid=entry["kid"])
    return keys
