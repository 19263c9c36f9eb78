"""Observers (RFC 7641) of a collection: a picture arrives, and they get its metadata and link in one small message;
the picture itself they fetch by Block2 if they want it.

Beside what aiocoap does here: observers have a limit, above which a request is answered without Observe; numbers go on
growing over a new registration and over a restart; a client that has not acknowledged one notification gets no second
one, and then the last one alone (section 4.5.1 allows to leave states out); every notification is confirmable, and one
is sent at least twice a day, so that a client that is gone is noticed (section 4.5).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final

from aiocoap import Message, Reliable
from aiocoap.pipe import Pipe
from prometheus_client import Gauge

from core_collection_service.coap.endpoint import Exchanges
from core_collection_service.coap.requests import address_of, host_of
from core_collection_service.events.errors import FellBehind
from core_collection_service.events.feed import PictureFeed
from core_collection_service.events.subscription import Subscription, Topic
from core_collection_service.pictures.listing import Listing, Listings
from core_collection_service.pictures.repository import PictureRecord
from lightbox_shared.errors import Unavailable

MOST_OBSERVERS: Final = 1000
MOST_OF_HOST: Final = 16
"""Of one address: one client can't take the places of all."""
REFRESH_SECONDS: Final = 12 * 3600.0
_SEQUENCE: Final = 1 << 24
_TICKS: Final = 1 << 15
"""In a second: half of the numbers are used up in 256 s, as section 4.4 allows."""

Noted = Callable[[PictureRecord | None], Message]
"""Makes the notification of a picture; None: there is none yet."""


class Sequence:
    """The numbers of notifications: ticks of the clock, which a restart does not turn back, or the next one above the
    last while notifications come faster than ticks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Later than all before, by the order of section 3.4."""
        self._last = max(self._last + 1, int(self._clock() * _TICKS))
        return self._last % _SEQUENCE


class Observers:
    """All that observe. Use it as an object of one event loop."""

    def __init__(
        self,
        feed: PictureFeed,
        listings: Listings,
        gauge: Gauge,
        *,
        limit: int = MOST_OBSERVERS,
        limit_of_host: int = MOST_OF_HOST,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._feed = feed
        self._listings = listings
        self._gauge = gauge
        self._limit = limit
        self._limit_of_host = limit_of_host
        self._refresh_seconds = refresh_seconds
        self._sequence = Sequence()
        self._of_hosts: Counter[Hashable] = Counter()
        self.count = 0
        """How many there are."""

    def has_room(self, request: Message) -> bool:
        """Whether one more can be served."""
        return self.count < self._limit and self._of_hosts[host_of(request)] < self._limit_of_host

    async def newest(self, topic: Topic) -> PictureRecord | None:
        """The picture that was taken last, of a device or of all."""
        page = await self._listings.page(Listing(*topic, start=None, end=None, limit=1, cursor=None))
        return page.rows[0] if page.rows else None

    async def serve(self, pipe: Pipe, topic: Topic, noted: Noted, answered: Callable[[Message], None]) -> None:
        """The newest picture at once, then each that arrives, as long as the client wants; `answered` gets the first
        response. Ends by raising: `Unavailable`, or what the database raises."""
        host = host_of(pipe.request)
        self.count += 1
        self._of_hosts[host] += 1
        self._gauge.inc()
        try:
            is_first = True
            while True:
                with suppress(FellBehind):
                    async with self._feed.subscribed(*topic) as arriving:
                        message = noted(await self.newest(topic))
                        if is_first:
                            answered(message)
                        is_first = False
                        self._send(pipe, message)
                        await self._tell(pipe, arriving, noted)
                    raise Unavailable("The service is stopping.")
        finally:
            self.count -= 1
            self._of_hosts[host] -= 1
            if not self._of_hosts[host]:
                del self._of_hosts[host]
            self._gauge.dec()

    async def _tell(self, pipe: Pipe, arriving: Subscription, noted: Noted) -> None:
        exchanges: Exchanges = address_of(pipe.request).interface._ctx  # noqa: SLF001 - the library names it no other way
        latest = _Latest()
        reading = asyncio.create_task(latest.follow(arriving), name="pictures of an observer")
        try:
            while not latest.is_over:
                await exchanges.idle(address_of(pipe.request))
                if await latest.changed(self._refresh_seconds):
                    self._send(pipe, noted(latest.take()))
                elif not latest.is_over:
                    self._send(pipe, noted(await self.newest(arriving.topic)))
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _send(self, pipe: Pipe, message: Message) -> None:
        message.opt.observe = self._sequence.next()
        message.transport_tuning = Reliable()
        pipe.add_response(message, is_last=False)


class _Latest:
    """The picture that arrived last, for one who takes them more slowly."""

    def __init__(self) -> None:
        self._record: PictureRecord | None = None
        self._arrived = asyncio.Event()
        self.is_over = False

    async def follow(self, arriving: Subscription) -> None:
        """Read until the end."""
        try:
            async for record in arriving:
                self._record = record
                self._arrived.set()
        finally:
            self.is_over = True
            self._arrived.set()

    async def changed(self, timeout_seconds: float) -> bool:
        """Wait for a picture; False when none came for so long, or none will."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return self._record is not None

    def take(self) -> PictureRecord | None:
        """It, once."""
        record, self._record = self._record, None
        if not self.is_over:
            self._arrived.clear()
        return record
