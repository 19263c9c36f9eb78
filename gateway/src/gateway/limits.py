"""Rate limits by rate class and caller, in fixed windows that are counted in memory or in Valkey.

Answers of limited routes have the headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers,
2025). A refusal is 429 with `Retry-After` and the problem type that the draft registers. Around the end of a fixed
window twice the quota is possible, which is acceptable here; in return it is known exactly when the quota is renewed.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Final

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from valkey.asyncio import ConnectionPool

from gateway.config import GatewaySettings
from gateway.headers import RawHeaders
from gateway.routes import Rate
from lightbox_shared.addresses import partition
from lightbox_shared.auth.principal import Principal
from lightbox_shared.errors import TooManyRequests

log = structlog.get_logger()

PROBLEM_TYPE: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
STORAGE_TIMEOUT_SECONDS: Final = 0.25
STORAGE_PAUSE_SECONDS: Final = 5.0


class QuotaExceeded(TooManyRequests):
    """The caller has used up the quota of a rate class, whose name is `policy`."""

    code = "quota-exceeded"
    default_detail = "You have sent too many requests. Please wait a little."

    def __init__(self, policy: str, *, retry_after: int, headers: Mapping[str, str]) -> None:
        super().__init__(retry_after=retry_after, headers=headers)
        self.policy = policy


class RateLimits:
    """Counts requests and refuses those beyond the limits.

    While the storage does not answer, requests are accepted without being counted, so the platform stays available.
    """

    def __init__(
        self, limits: Mapping[Rate, RateLimitItem | None], storage: Storage, pool: ConnectionPool | None = None
    ) -> None:
        self._policies = {rate: (item, _policy(rate, item)) for rate, item in limits.items() if item is not None}
        self._storage = storage
        self._pool = pool
        self._limiter = FixedWindowRateLimiter(storage)
        self._skip_until = 0.0

    @classmethod
    def from_settings(cls, settings: GatewaySettings) -> "RateLimits":
        """The limits of the settings, counted in memory unless the settings name a Valkey or Redis server."""
        limits = {
            Rate.SIGN_IN: settings.rate_sign_in,
            Rate.OPEN: settings.rate_open,
            Rate.UPLOAD: settings.rate_upload,
            Rate.READ: settings.rate_read,
        }
        if not settings.rate_limit_url:
            return cls(limits, MemoryStorage())
        # The client library of Valkey works with Redis too.
        pool = ConnectionPool.from_url(
            settings.rate_limit_url,
            socket_timeout=STORAGE_TIMEOUT_SECONDS,
            socket_connect_timeout=STORAGE_TIMEOUT_SECONDS,
        )
        storage = RedisStorage("async+valkey://", implementation="valkey", connection_pool=pool)  # type: ignore[arg-type]
        return cls(limits, storage, pool)

    async def check(self, rate: Rate, principal: Principal | None, address: str) -> RawHeaders:
        """Count a request for its account, or for its address if it is not authenticated.

        Returns the headers to add to the answer, none if there is no limit. Raises `QuotaExceeded`.
        """
        found = self._policies.get(rate)
        if found is None or time.monotonic() < self._skip_until:
            return []
        item, policy = found
        caller = f"address:{partition(address)}" if principal is None else f"account:{principal.account_id}"
        try:
            allowed = await self._limiter.hit(item, rate.value, caller)
            reset, remaining = await self._limiter.get_window_stats(item, rate.value, caller)
        except Exception as error:  # noqa: BLE001 - no error of the storage may refuse requests
            log.warning("limits are not counted", error=str(error) or type(error).__name__)
            # The storage is not asked for a while. If it hangs, every request would wait for its timeout.
            self._skip_until = time.monotonic() + STORAGE_PAUSE_SECONDS
            return []
        wait = max(1, math.ceil(reset - time.time()))
        state = f'"{rate.value}";r={remaining};t={wait}'
        if not allowed:
            headers = {"RateLimit-Policy": policy, "RateLimit": state}
            raise QuotaExceeded(rate.value, retry_after=wait, headers=headers)
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]

    async def close(self) -> None:
        """Wait for the background task of the storage, and close its connections."""
        if isinstance(self._storage, MemoryStorage) and self._storage.timer is not None:
            await asyncio.gather(self._storage.timer, return_exceptions=True)
        if self._pool is not None:
            await self._pool.aclose()


def _policy(rate: Rate, item: RateLimitItem) -> str:
    return f'"{rate.value}";q={item.amount};w={item.get_expiry()}'
