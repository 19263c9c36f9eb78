"""API keys at the door: exchanged for a token at auth-service, which is remembered for a while.

Services know tokens only. A key that was exchanged is good for a minute without asking again; one that was refused is
refused for some seconds. Both are remembered by the key's SHA-256, and the key itself is not kept. A key is a session
with a long life, so its end reaches us by the revocations that are polled anyway (`gateway/revocations.py`).
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.clients.auth import Exchanged, KeyIssuer
from lightbox_shared.auth.api_keys import digest, is_well_formed
from lightbox_shared.errors import InvalidToken, LightboxError

REMEMBERED: Final = 10_000
LONGEST_SECONDS: Final = 60.0
SHARE_OF_LIFE: Final = 2 / 3  # what is left must be enough for the service, whose clock may differ
REFUSED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Known:
    token: str
    until: float


class ApiKeys:
    """Tokens of API keys."""

    def __init__(
        self, issuer: KeyIssuer, *, remembered: int = REMEMBERED, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._remembered = remembered
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Exchanged | LightboxError]] = {}

    async def token(self, key: str, address: str, *, instead_of: str | None = None) -> str:
        """A token of the key, for a client at `address`; another one than `instead_of`, which has turned out to be
        dead. Raises `InvalidToken`, `TooManyRequests`, and `Unavailable` while auth-service does not answer."""
        if not is_well_formed(key):
            raise InvalidToken
        name = digest(key)
        known = self._known.get(name)
        if known is not None and known.until > self._clock() and known.token != instead_of:
            self._known.move_to_end(name)
            return known.token
        if self._refused.get(name, 0.0) > self._clock():
            raise InvalidToken
        # Whoever comes while we ask waits for the same answer, and leaves without taking it from the others.
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name, key, address))
        outcome = await asyncio.shield(asking)
        if isinstance(outcome, LightboxError):
            raise outcome
        return outcome.token

    def refuse(self, key: str) -> None:
        """Do not ask about this key for some seconds."""
        self._refuse(digest(key))

    async def close(self) -> None:
        """End what is still being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, name: bytes, key: str, address: str) -> Exchanged | LightboxError:
        """Failures are returned: everybody who asked may have left, and then nobody would collect an exception."""
        try:
            exchanged = await self._issuer.exchange(key, address)
        except InvalidToken as error:
            self._refuse(name)
            return error
        except LightboxError as error:
            return error
        finally:
            del self._asking[name]
        lifetime = min(LONGEST_SECONDS, exchanged.expires_in * SHARE_OF_LIFE)
        self._known[name] = _Known(exchanged.token, self._clock() + lifetime)
        self._known.move_to_end(name)
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return exchanged

    def _refuse(self, name: bytes) -> None:
        self._known.pop(name, None)
        self._refused[name] = self._clock() + REFUSED_SECONDS
        self._refused.move_to_end(name)
        if len(self._refused) > self._remembered:
            self._refused.popitem(last=False)
