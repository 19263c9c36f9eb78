"""Exchanges API keys for access tokens, which are what services understand, and caches the results.

auth-service is asked once for a key. Its token is then used for at most `TOKEN_SECONDS`, and a refusal is repeated for
`REFUSAL_SECONDS`. Both caches are indexed by the SHA-256 of the key, so the gateway does not keep the key itself. A key
belongs to a session, so its revocation arrives with those of other sessions (`gateway.revocations`).

Keys that were never good here are asked about only while few from their address were wrong (`RateLimits`), and only
`CHECKED_AT_ONCE` of an address at a time. So the work that invented keys cause at auth-service, where people sign in,
is limited however many connections bring them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from cachetools import LRUCache, TLRUCache, TTLCache

from gateway.clients.auth import ExchangedToken, TokenExchange
from gateway.limits import CredentialCheck, RateLimits
from lightbox_shared.auth.api_keys import digest, is_well_formed
from lightbox_shared.concurrency.cancelling import cancel_and_wait
from lightbox_shared.errors import InvalidToken, LightboxError, Unavailable
from lightbox_shared.requests.addresses import partition

MAX_CACHED_KEYS: Final = 10_000
TOKEN_SECONDS: Final = 60.0
SHARE_OF_LIFETIME: Final = 2 / 3  # the service, whose clock may differ, has to accept the token for the rest
REFUSAL_SECONDS: Final = 5.0
CHECKED_AT_ONCE: Final = 4
LONGEST_WAIT_SECONDS: Final = 5.0


class ApiKeys:
    """The access tokens of API keys.

    `clock` returns seconds and never goes back. Each of the caches, of tokens, of refusals and of keys that were good,
    has room for `max_cached` keys, and drops the least recently used one when it is full.
    """

    def __init__(
        self,
        exchange: TokenExchange,
        limits: RateLimits,
        *,
        max_cached: int = MAX_CACHED_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exchange = exchange
        self._limits = limits
        self._turns: dict[str, _Turns] = {}
        self._good: LRUCache[bytes, bool] = LRUCache(max_cached)
        self._tokens: TLRUCache[bytes, ExchangedToken] = TLRUCache(max_cached, _expiry, timer=clock)
        self._refused: TTLCache[bytes, bool] = TTLCache(max_cached, REFUSAL_SECONDS, timer=clock)
        self._running: dict[bytes, asyncio.Task[ExchangedToken | LightboxError]] = {}

    async def token(self, key: str, address: str, *, instead_of: str | None = None) -> str:
        """Return an access token for `key`, which a client at `address` has sent.

        A cached token that equals `instead_of`, which was found to be revoked, is not returned. Raises `InvalidToken`
        for a key that is malformed, unknown, revoked or expired, `TooManyRequests` if too many keys from this address
        were wrong, or auth-service refuses for now, and `Unavailable` if it does not answer.
        """
        if not is_well_formed(key):
            raise InvalidToken
        name = digest(key)
        cached = self._tokens.get(name)
        if cached is not None and cached.token != instead_of:
            return cached.token
        if name in self._refused:
            raise InvalidToken
        # Simultaneous requests with one key share one exchange. A request that is cancelled does not end it.
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = asyncio.create_task(self._fetch(name, key, address))
        result = await asyncio.shield(running)
        if isinstance(result, LightboxError):
            raise result
        return result.token

    def refuse(self, key: str) -> None:
        """Refuse this key for the next `REFUSAL_SECONDS` without asking auth-service."""
        self._refuse(digest(key))

    async def close(self) -> None:
        """Cancel the exchanges that are running."""
        await cancel_and_wait(self._running.values())

    async def _fetch(self, name: bytes, key: str, address: str) -> ExchangedToken | LightboxError:
        """Exchange a key and cache the result. Errors are returned: an exception of a task that no request waits for
        any more would be logged by asyncio as never retrieved."""
        try:
            token = await self._exchange_in_turn(name, key, address)
        except InvalidToken as error:
            self._refuse(name)
            return error
        except LightboxError as error:
            return error
        finally:
            del self._running[name]
        self._tokens[name] = token
        self._good[name] = True
        return token

    async def _exchange_in_turn(self, name: bytes, key: str, address: str) -> ExchangedToken:
        if name in self._good:  # a device with a good key does not suffer for others at its address
            return await self._exchange.exchange(key, address)
        async with self._turn(partition(address)):
            await self._limits.check_failures(CredentialCheck.API_KEY, address)
            try:
                return await self._exchange.exchange(key, address)
            except InvalidToken:
                await self._limits.count_failure(CredentialCheck.API_KEY, address)
                raise

    @asynccontextmanager
    async def _turn(self, counted_as: str) -> AsyncIterator[None]:
        """Wait until fewer than `CHECKED_AT_ONCE` keys of an address are checked. Raises `Unavailable` after
        `LONGEST_WAIT_SECONDS`."""
        turns = self._turns.setdefault(counted_as, _Turns())
        turns.users += 1
        try:
            try:
                async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                    await turns.semaphore.acquire()
            except TimeoutError:
                raise Unavailable("Too many API keys are being checked.") from None
            try:
                yield
            finally:
                turns.semaphore.release()
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[counted_as]

    def _refuse(self, name: bytes) -> None:
        self._tokens.pop(name, None)
        self._good.pop(name, None)
        self._refused[name] = True


class _Turns:
    """Who checks keys of one address."""

    def __init__(self) -> None:
        self.semaphore = asyncio.Semaphore(CHECKED_AT_ONCE)
        self.users = 0


def _expiry(_name: bytes, token: ExchangedToken, now: float) -> float:
    """The time until which a token that arrives at `now` is cached."""
    return now + min(TOKEN_SECONDS, token.expires_in * SHARE_OF_LIFETIME)
