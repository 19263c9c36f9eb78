"""One subscriber of the feed: what waits for it, and what it asks the table for."""

import asyncio
from collections import deque
from typing import Final, NamedTuple, Self

from anyio import CapacityLimiter

from core_collection_service.events.errors import FellBehind
from core_collection_service.pictures import list_repository
from core_collection_service.pictures.repository import PictureRecord
from lightbox_shared.database import Database

QUEUE_PICTURES: Final = 1000
"""How many pictures wait for one subscriber; some 2 kB each."""
REPLAYED_IDS: Final = 2000
"""How many ids one query of a replay looks through."""


class Topic(NamedTuple):
    """A device in a collection, or all of them there."""

    collection: str
    device_id: str | None


class Subscription:
    """The pictures of a topic by ascending id: first those after `after` that the feed had told already when the
    subscriber `joined`, from the table; then those that the feed tells. To be iterated by one task.

    `replaying` limits how many read the table at a time, since each looks through the pictures of all devices and
    takes a connection for it. Raises `FellBehind` when more wait than the queue has room for, and what the database
    raises.
    """

    def __init__(
        self, database: Database, topic: Topic, *, after: int, joined: int, replaying: CapacityLimiter
    ) -> None:
        self.topic = topic
        self._database = database
        self._replayed = after
        self._joined = joined
        self._replaying = replaying
        self._old: deque[PictureRecord] = deque()
        self._live: deque[PictureRecord] = deque()
        self._changed = asyncio.Event()
        self._is_behind = False
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PictureRecord:
        while not self._is_over:
            if self._old:
                return self._old.popleft()
            if self._replayed < self._joined:
                await self._replay()
            elif self._live:
                return self._live.popleft()
            elif self._is_behind:
                raise FellBehind
            else:
                self._changed.clear()
                await self._changed.wait()
        raise StopAsyncIteration

    def put(self, record: PictureRecord) -> None:
        """From the feed: the next picture."""
        self._is_behind = self._is_behind or len(self._live) >= QUEUE_PICTURES
        if not self._is_behind:
            self._live.append(record)
        self._changed.set()

    def end(self) -> None:
        """From the feed: it is over, whatever waits."""
        self._is_over = True
        self._changed.set()

    async def _replay(self) -> None:
        up_to = min(self._replayed + REPLAYED_IDS, self._joined)
        statement = list_repository.by_id(self._replayed, up_to, None)
        async with self._replaying, self._database.reading() as session:
            if self._is_over:
                return
            found = await list_repository.records(session, list_repository.of_topic(statement, *self.topic))
        self._old.extend(found)
        self._replayed = up_to
