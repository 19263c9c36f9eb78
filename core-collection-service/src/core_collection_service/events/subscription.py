"""One subscriber of the feed, with the queue of pictures that it has not taken yet."""

import asyncio
from collections import deque
from typing import Final, NamedTuple, Self

from anyio import CapacityLimiter

from core_collection_service.events import repository
from core_collection_service.events.errors import SlowSubscriber
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.repository import fetch
from lightbox_shared.database import Database

QUEUE_PICTURES: Final = 1000
"""How many pictures may wait for one subscriber; about 2 kB each."""
REPLAYED_IDS: Final = 2000
"""How many ids one query of a replay covers."""


class Topic(NamedTuple):
    """What a subscriber is interested in: a collection, or one device there."""

    collection: str
    device_id: str | None


class Subscription:
    """The pictures of a topic, by ascending id; to be iterated by one task.

    First the pictures with ids greater than `after` and at most `published` are replayed from the table, then those
    follow that the feed `put`s, all of which have greater ids. `replaying` limits how many subscriptions read the table
    at a time: each covers the pictures of all devices and needs a connection. The iteration raises `SlowSubscriber`
    when more pictures wait than the queue has room for, and what the database raises.
    """

    def __init__(
        self, database: Database, topic: Topic, *, after: int, published: int, replaying: CapacityLimiter
    ) -> None:
        self.topic = topic
        self._database = database
        self._replayed = after
        self._published = published
        self._replaying = replaying
        self._old: deque[PictureRecord] = deque()
        self._new: deque[PictureRecord] = deque()
        self._changed = asyncio.Event()
        self._is_slow = False
        self._is_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PictureRecord:
        while not self._is_ended:
            if self._old:
                return self._old.popleft()
            if self._replayed < self._published:
                await self._replay()
            elif self._new:
                return self._new.popleft()
            elif self._is_slow:
                raise SlowSubscriber
            else:
                self._changed.clear()
                await self._changed.wait()
        raise StopAsyncIteration

    def put(self, record: PictureRecord) -> None:
        """Add the next picture to the queue; called by the feed."""
        self._is_slow = self._is_slow or len(self._new) >= QUEUE_PICTURES
        if not self._is_slow:
            self._new.append(record)
        self._changed.set()

    def end(self) -> None:
        """End the iteration, even if pictures are waiting; called by the feed."""
        self._is_ended = True
        self._changed.set()

    async def _replay(self) -> None:
        up_to = min(self._replayed + REPLAYED_IDS, self._published)
        statement = repository.of_topic(repository.by_id(self._replayed, up_to, None), *self.topic)
        async with self._replaying, self._database.reading() as session:
            if self._is_ended:
                return
            found = await fetch(session, statement)
        self._old.extend(found)
        self._replayed = up_to
