"""Rate limits by rate class and caller, in fixed windows that are counted in memory or in Valkey.

Answers of limited routes have the headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers,
2025). A refusal is 429 with `Retry-After` and the problem type that the draft registers. Around the end of a fixed
window twice the quota is possible, which is acceptable here; in return it is known exactly when the quota is renewed.

Credentials that turned out to be wrong have a limit of their own, which counts nothing else. It is for each kind of
credential and address: who sends invented API keys uses up no quota of people who are signed in.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from enum import Enum
from typing import Final

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from valkey.asyncio import ConnectionPool

from gateway.config import GatewaySettings
from gateway.headers import RawHeaders
from gateway.routes import Rate
from lightbox_shared.auth.principal import Principal
from lightbox_shared.errors import TooManyRequests
from lightbox_shared.requests.addresses import partition

log = structlog.get_logger()

PROBLEM_TYPE: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
FAILED_CREDENTIALS: Final = "failed-credentials"
"""The name of the policy."""
STORAGE_TIMEOUT_SECONDS: Final = 0.25
STORAGE_PAUSE_SECONDS: Final = 5.0


class QuotaExceeded(TooManyRequests):
    """The caller has used up the quota of a rate class, whose name is `policy`."""

    code = "quota-exceeded"
    default_detail = "You have sent too many requests. Please wait a little."

    def __init__(self, policy: str, *, retry_after: int, headers: Mapping[str, str]) -> None:
        super().__init__(retry_after=retry_after, headers=headers)
        self.policy = policy


class CredentialCheck(Enum):
    """A kind of credential whose failures are counted together."""

    TOKEN = "tokens"  # noqa: S105 - a kind
    API_KEY = "api-keys"
    CLIENT = "clients"
    """The secret of an OAuth client."""


class RateLimits:
    """Counts requests and refuses those beyond the limits.

    While the storage does not answer, requests are accepted without being counted, so the platform stays available.
    """

    def __init__(
        self,
        limits: Mapping[Rate, RateLimitItem | None],
        storage: Storage,
        pool: ConnectionPool | None = None,
        *,
        failures: RateLimitItem | None = None,
    ) -> None:
        """`failures` is the limit for credentials that turned out to be wrong."""
        self._policies = {rate: (item, _policy(rate.value, item)) for rate, item in limits.items() if item is not None}
        self._failures = failures
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
            return cls(limits, MemoryStorage(), failures=settings.rate_failed_credentials)
        # The client library of Valkey works with Redis too.
        pool = ConnectionPool.from_url(
            settings.rate_limit_url,
            socket_timeout=STORAGE_TIMEOUT_SECONDS,
            socket_connect_timeout=STORAGE_TIMEOUT_SECONDS,
        )
        storage = RedisStorage("async+valkey://", implementation="valkey", connection_pool=pool)  # type: ignore[arg-type]
        return cls(limits, storage, pool, failures=settings.rate_failed_credentials)

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
            self._pause(error)
            return []
        wait = _seconds_until(reset)
        state = f'"{rate.value}";r={remaining};t={wait}'
        if not allowed:
            headers = {"RateLimit-Policy": policy, "RateLimit": state}
            raise QuotaExceeded(rate.value, retry_after=wait, headers=headers)
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]

    async def check_failures(self, check: CredentialCheck, address: str) -> None:
        """Raises `QuotaExceeded` if as many credentials of this kind, sent from this address, were wrong as are allowed
        to be. Nothing is counted. Call it before the credential is checked."""
        item = self._failures
        if item is None or time.monotonic() < self._skip_until:
            return
        caller = f"address:{partition(address)}"
        try:
            if await self._limiter.test(item, FAILED_CREDENTIALS, check.value, caller):
                return
            reset, _ = await self._limiter.get_window_stats(item, FAILED_CREDENTIALS, check.value, caller)
        except Exception as error:  # noqa: BLE001 - as above
            self._pause(error)
            return
        wait = _seconds_until(reset)
        state = f'"{FAILED_CREDENTIALS}";r=0;t={wait}'
        headers = {"RateLimit-Policy": _policy(FAILED_CREDENTIALS, item), "RateLimit": state}
        raise QuotaExceeded(FAILED_CREDENTIALS, retry_after=wait, headers=headers)

    async def count_failure(self, check: CredentialCheck, address: str) -> None:
        """Count a credential that was wrong."""
        if self._failures is None or time.monotonic() < self._skip_until:
            return
        try:
            await self._limiter.hit(self._failures, FAILED_CREDENTIALS, check.value, f"address:{partition(address)}")
        except Exception as error:  # noqa: BLE001 - as above
            self._pause(error)

    def _pause(self, error: Exception) -> None:
        """The storage is not asked for a while. If it hangs, every request would wait for its timeout."""
        log.warning("limits are not counted", error=str(error) or type(error).__name__)
        self._skip_until = time.monotonic() + STORAGE_PAUSE_SECONDS

    async def close(self) -> None:
        """Wait for the background task of the storage, and close its connections."""
        if isinstance(self._storage, MemoryStorage) and self._storage.timer is not None:
            await asyncio.gather(self._storage.timer, return_exceptions=True)
        if self._pool is not None:
            await self._pool.aclose()


def _policy(name: str, item: RateLimitItem) -> str:
    return f'"{name}";q={item.amount};w={item.get_expiry()}'


def _seconds_until(reset: float) -> int:
    return max(1, math.ceil(reset - time.time()))
