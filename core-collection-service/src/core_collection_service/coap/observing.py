"""Observing a collection (RFC 7641): when a picture arrives, observers get its metadata or link in one small message,
and fetch the picture itself by Block2 if they want it.

Beyond what aiocoap does by itself: the number of observers is limited, and requests above the limit are answered
without Observe; the numbers of notifications go on increasing after a new registration and after a restart; a client
that has not acknowledged a notification gets no second one, and after the acknowledgement only the latest (section
4.5.1 allows to skip states); every notification is confirmable, and one is sent at least twice a day, so that a client
that is gone is noticed (section 4.5).
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

from core_collection_service.coap.endpoint import LimitedMessageManager
from core_collection_service.coap.requests import address_of, host_of
from core_collection_service.coap.revocation import ended_by_revocation
from core_collection_service.events.errors import SlowSubscriber
from core_collection_service.events.feed import PictureFeed
from core_collection_service.events.subscription import Subscription, Topic
from core_collection_service.pictures.lists.service import ListByTime, PictureLists
from core_collection_service.pictures.models import PictureRecord
from lightbox_shared.concurrency.cancelling import cancel_and_wait
from lightbox_shared.errors import Unavailable

MAX_OBSERVERS: Final = 1000
MAX_OBSERVERS_OF_HOST: Final = 16
"""Of one address, so that one client can't take all places."""
REFRESH_SECONDS: Final = 12 * 3600.0
_SEQUENCE_NUMBERS: Final = 1 << 24
_TICKS_PER_SECOND: Final = 1 << 15
"""Half of the numbers are used up in 256 s, as section 4.4 allows."""

MakeNotification = Callable[[PictureRecord | None], Message]
"""Makes the notification of a picture; None stands for a topic without pictures."""


class SequenceNumbers:
    """The numbers of notifications. They are ticks of the clock, so a restart does not decrease them; while
    notifications come faster than ticks, each is one more than the last."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """A number that is later than all before, by the order of section 3.4."""
        self._last = max(self._last + 1, int(self._clock() * _TICKS_PER_SECOND))
        return self._last % _SEQUENCE_NUMBERS


class Observers:
    """All clients that observe. To be used from one event loop."""

    def __init__(
        self,
        feed: PictureFeed,
        lists: PictureLists,
        gauge: Gauge,
        *,
        limit: int = MAX_OBSERVERS,
        limit_of_host: int = MAX_OBSERVERS_OF_HOST,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._feed = feed
        self._lists = lists
        self._gauge = gauge
        self._limit = limit
        self._limit_of_host = limit_of_host
        self._refresh_seconds = refresh_seconds
        self._numbers = SequenceNumbers()
        self._count_of_host: Counter[Hashable] = Counter()
        self._count = 0

    def has_room(self, request: Message) -> bool:
        """Whether the client of this request can become an observer."""
        return self._count < self._limit and self._count_of_host[host_of(request)] < self._limit_of_host

    async def newest(self, topic: Topic) -> PictureRecord | None:
        """The picture of a topic with the latest timestamp; None if there is none."""
        page = await self._lists.by_time(ListByTime(*topic, start=None, end=None, limit=1, cursor=None))
        return page.rows[0] if page.rows else None

    async def serve(
        self, pipe: Pipe, topic: Topic, notification: MakeNotification, on_response: Callable[[Message], None]
    ) -> None:
        """Send the newest picture of a topic at once, then each that arrives, until the client cancels; `on_response`
        gets the first message. Always ends by raising: `Unavailable` when the service stops, `NotAuthenticated` when
        the security context of the client is taken away, what the database raises, or the cancellation."""
        host = host_of(pipe.request)
        self._count += 1
        self._count_of_host[host] += 1
        self._gauge.inc()
        try:
            is_first = True
            while True:
                with suppress(SlowSubscriber):
                    async with ended_by_revocation(pipe.request), self._feed.subscribed(*topic) as arriving:
                        message = notification(await self.newest(topic))
                        if is_first:
                            on_response(message)
                        is_first = False
                        self._send(pipe, message)
                        await self._notify(pipe, arriving, notification)
                    raise Unavailable("The service is stopping.")
        finally:
            self._count -= 1
            self._count_of_host[host] -= 1
            if not self._count_of_host[host]:
                del self._count_of_host[host]
            self._gauge.dec()

    async def _notify(self, pipe: Pipe, arriving: Subscription, notification: MakeNotification) -> None:
        """Send the pictures of a subscription until its end. Raises `SlowSubscriber`."""
        # aiocoap has no public way from a request to its message manager.
        manager: LimitedMessageManager = address_of(pipe.request).interface._ctx  # noqa: SLF001
        latest = _LatestPicture()
        reading = asyncio.create_task(latest.follow(arriving), name="pictures of an observer")
        try:
            while not latest.is_ended:
                await manager.idle(address_of(pipe.request))
                if await latest.wait(self._refresh_seconds):
                    self._send(pipe, notification(latest.take()))
                elif not latest.is_ended:
                    self._send(pipe, notification(await self.newest(arriving.topic)))
            await reading
        finally:
            await cancel_and_wait([reading])

    def _send(self, pipe: Pipe, message: Message) -> None:
        message.opt.observe = self._numbers.next()
        message.transport_tuning = Reliable()
        pipe.add_response(message, is_last=False)


class _LatestPicture:
    """The picture of a subscription that arrived last, for an observer that can skip earlier ones."""

    def __init__(self) -> None:
        self._record: PictureRecord | None = None
        self._arrived = asyncio.Event()
        self.is_ended = False

    async def follow(self, arriving: Subscription) -> None:
        """Read the subscription until its end. Raises `SlowSubscriber`, and what the database raises."""
        try:
            async for record in arriving:
                self._record = record
                self._arrived.set()
        finally:
            self.is_ended = True
            self._arrived.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for a picture. False if none arrives in time, or the subscription has ended without one."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._arrived.wait()
        except TimeoutError:
            return False
        return self._record is not None

    def take(self) -> PictureRecord | None:
        """Remove and return the picture that arrived last; None if it was taken already."""
        record, self._record = self._record, None
        if not self.is_ended:
            self._arrived.clear()
        return record
