"""How many requests are too many: fixed windows by rate class and caller, counted in memory or in Valkey.

Limited routes carry `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers, 2025); a refusal is 429
with `Retry-After` and the problem type that the draft registers. A fixed window lets twice the quota through around
its end, which is of no matter for what is protected here, and tells exactly when it starts again.
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
    """The caller has used up what its rate class grants; `policy` is the name of the class."""

    code = "quota-exceeded"
    default_detail = "You have sent too many requests. Please wait a little."

    def __init__(self, policy: str, *, retry_after: int, headers: Mapping[str, str]) -> None:
        super().__init__(retry_after=retry_after, headers=headers)
        self.policy = policy


class RateLimits:
    """Counts requests. When the storage does not answer, requests pass uncounted: a limit is no reason to be down."""

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
        """The limits of the settings; counted in memory unless they name a Valkey or Redis server."""
        limits = {
            Rate.SIGN_IN: settings.rate_sign_in,
            Rate.OPEN: settings.rate_open,
            Rate.UPLOAD: settings.rate_upload,
            Rate.READ: settings.rate_read,
        }
        if not settings.rate_limit_url:
            return cls(limits, MemoryStorage())
        # One client library speaks to both servers.
        pool = ConnectionPool.from_url(
            settings.rate_limit_url,
            socket_timeout=STORAGE_TIMEOUT_SECONDS,
            socket_connect_timeout=STORAGE_TIMEOUT_SECONDS,
        )
        storage = RedisStorage("async+valkey://", implementation="valkey", connection_pool=pool)  # type: ignore[arg-type]
        return cls(limits, storage, pool)

    async def check(self, rate: Rate, principal: Principal | None, address: str) -> RawHeaders:
        """Count a request, per account or else per address. Returns the headers of the answer, none without a limit.
        Raises `QuotaExceeded`."""
        found = self._policies.get(rate)
        if found is None or time.monotonic() < self._skip_until:
            return []
        item, policy = found
        caller = f"address:{partition(address)}" if principal is None else f"account:{principal.account_id}"
        try:
            allowed = await self._limiter.hit(item, rate.value, caller)
            reset, remaining = await self._limiter.get_window_stats(item, rate.value, caller)
        except Exception as error:  # noqa: BLE001 - whatever the storage has, requests pass
            log.warning("limits are not counted", error=str(error) or type(error).__name__)
            # Not asking for a while keeps a storage that hangs from slowing every request down.
            self._skip_until = time.monotonic() + STORAGE_PAUSE_SECONDS
            return []
        wait = max(1, math.ceil(reset - time.time()))
        state = f'"{rate.value}";r={remaining};t={wait}'
        if not allowed:
            headers = {"RateLimit-Policy": policy, "RateLimit": state}
            raise QuotaExceeded(rate.value, retry_after=wait, headers=headers)
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]

    async def close(self) -> None:
        """Wait for what the storage does in the background; close its connections."""
        if isinstance(self._storage, MemoryStorage) and self._storage.timer is not None:
            await asyncio.gather(self._storage.timer, return_exceptions=True)
        if self._pool is not None:
            await self._pool.aclose()


def _policy(rate: Rate, item: RateLimitItem) -> str:
    return f'"{rate.value}";q={item.amount};w={item.get_expiry()}'
