"""How fast the body of a request has to arrive.

A client that stops in the middle, or sends a byte now and then, would hold a connection and memory that others need. So
a minimum of bytes has to arrive in each span of time, however many have arrived before (408, RFC 9110 section 15.5.9).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Receive

SMALL_BYTES: Final = 1024 * 1024
"""Bodies above this size, and those of unknown size, count as large."""


@dataclass(frozen=True, slots=True)
class MinimumDataRate:
    """How many bytes of a body have to arrive in each span of time."""

    seconds: float = 20.0
    least_bytes: int = 20 * 16 * 1024
    least_bytes_of_small: int = 20 * 1024
    """For bodies that announce at most `SMALL_BYTES`, which may come over a slow radio link."""

    def least(self, announced: int | None) -> int:
        """The bytes in each span for a body of this size, None if it is unknown."""
        return self.least_bytes_of_small if announced is not None and announced <= SMALL_BYTES else self.least_bytes


DEFAULT_DATA_RATE: Final = MinimumDataRate()


class PacedBody:
    """Receives the body of one request, and measures its rate.

    Only the time that is spent waiting for the client counts. Who passes the body on to something slower does not
    blame the client for that.
    """

    __slots__ = ("_arrived", "_least", "_left", "_receive", "_seconds")

    def __init__(self, receive: Receive, rate: MinimumDataRate, announced: int | None) -> None:
        self._receive = receive
        self._seconds = self._left = rate.seconds
        self._least = rate.least(announced)
        self._arrived = 0

    async def receive(self) -> Message:
        """The next ASGI message. Raises `TimeoutError` if too little arrives within the span."""
        now = asyncio.get_running_loop().time
        started = now()
        async with asyncio.timeout(self._left):
            message = await self._receive()
        self._left -= now() - started
        self._arrived += len(message.get("body", b""))
        if self._arrived >= self._least:
            self._arrived, self._left = 0, self._seconds
        return message
