"""The feed: pictures that any process has added, published to the subscribers of this process.

PostgreSQL notifies (LISTEN, on a connection of its own) that pictures were added, and the table says which: each
notification leads to one query for all subscribers together, and to none if there are no subscribers. The feed knows up
to which id everything has been published, so notifications that are lost with a connection do no harm: what was added
meanwhile is read when there is a connection again.

Ids are given out before the transactions that use them are committed, and these commit in any order. Pictures are
published by ascending id all the same, since a client that reconnects names the last id that it has seen. Where ids are
missing, the feed waits for the transactions that are writing at that moment. It does not wait for a transaction that
takes longer than `LONGEST_WAIT_SECONDS`: its pictures are in the lists and not in the feed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import structlog
from anyio import CapacityLimiter

from core_collection_service.events import repository
from core_collection_service.events.subscription import Subscription, Topic
from core_collection_service.pictures.delete.repository import DELETED_CHANNEL
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.repository import fetch
from core_collection_service.pictures.submit.repository import ADDED_CHANNEL
from lightbox_shared.concurrency.background import background_task
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.errors import Unavailable
from lightbox_shared.process.stop_signals import on_stop_signal

log = structlog.get_logger()

BATCH_PICTURES: Final = 500
LONGEST_WAIT_SECONDS: Final = 30.0
FIRST_POLL_SECONDS: Final = 0.002
LONGEST_POLL_SECONDS: Final = 0.1
HEARTBEAT_SECONDS: Final = 15.0
"""How often the listening connection is probed while no notification comes."""
REPLAYS: Final = 4
"""How many subscribers read the table at a time, so that enough connections are left for requests."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0


class PictureFeed:
    """Publishes the pictures of a database. Use it as `async with feed.running()`. Reads in sessions of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._topics: dict[Topic, set[Subscription]] = {}
        self._published = 0
        """Every picture up to this id has been published; of meaning only while there are subscribers."""
        self._publishing = asyncio.Lock()
        self._notified = asyncio.Event()
        self._is_ended = False
        self._deletion_callbacks: list[Callable[[], None]] = []
        self.listening = asyncio.Event()
        """Set while there is a connection that receives notifications."""
        self.replaying = CapacityLimiter(REPLAYS)
        """One token for each subscriber that reads pictures of the time before it subscribed."""

    def on_deletion(self, callback: Callable[[], None]) -> None:
        """Call `callback` when any process has deleted pictures, and when that may have happened unnoticed. While
        `listening` is not set, deletions by other processes are unknown."""
        self._deletion_callbacks.append(callback)

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return sum(map(len, self._topics.values()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PictureFeed"]:
        """Publish until the end of the context, or until the process is asked to stop."""
        async with background_task(self._keep_listening(), "picture feed"):
            try:
                with on_stop_signal(self.end):
                    yield self
            finally:
                self.end()

    def end(self) -> None:
        """End all subscriptions, and accept no more."""
        self._is_ended = True
        for subscription in [each for several in self._topics.values() for each in several]:
            subscription.end()

    @asynccontextmanager
    async def subscribed(
        self, collection: str, device_id: str | None = None, *, after: int | None = None
    ) -> AsyncIterator[Subscription]:
        """A subscription to a collection, or to one device there, until the end of the context: each picture that is
        added from now on, once and by ascending id; with `after` first all existing ones with a greater id.

        The iterator raises `SlowSubscriber` if it is not read fast enough. Raises `Unavailable` when the service is
        stopping, and what the database raises.
        """
        topic = Topic(collection, device_id)
        async with self._publishing:
            if self._is_ended:
                raise Unavailable("The service is stopping.")
            async with self._database.reading() as session:
                if self._topics:
                    await self._publish(session)
                else:
                    self._published = await self._greatest_settled_id(session)
            # Until the subscription is registered nothing is published: all that follows has a greater id.
            published = self._published
            subscription = Subscription(
                self._database,
                topic,
                after=published if after is None else after,
                published=published,
                replaying=self.replaying,
            )
            self._topics.setdefault(topic, set()).add(subscription)
        try:
            yield subscription
        finally:
            subscription.end()
            self._topics[topic].discard(subscription)
            if not self._topics[topic]:
                del self._topics[topic]

    async def _keep_listening(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - the next attempt may succeed
                log.warning("no notifications from the database", error=type(error).__name__)
            pause = FIRST_PAUSE_SECONDS if self.listening.is_set() else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.listening.clear()
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Publish as notifications come. Raises when the connection is lost, or can't be made."""
        own = Database(self._database.engine.url.render_as_string(hide_password=False), pool_size=1)
        try:
            async with own.engine.connect() as connection:
                driver = cast("Any", (await connection.get_raw_connection()).driver_connection)
                driver.add_termination_listener(self._on_lost_connection)
                await driver.add_listener(ADDED_CHANNEL, self._on_added)
                await driver.add_listener(DELETED_CHANNEL, self._on_deleted)
                self._on_deleted()  # for pictures that were deleted before there was a connection
                self.listening.set()
                self._on_added()  # for pictures that were added before there was a connection
                while not driver.is_closed():
                    if await self._wait_for_notification():
                        await self._publish_to_subscribers()
                    else:
                        await repository.probe(driver, HEARTBEAT_SECONDS)
        finally:
            await own.dispose()

    def _on_deleted(self, *_details: object) -> None:
        for callback in self._deletion_callbacks:
            callback()

    def _on_lost_connection(self, *_details: object) -> None:
        self.listening.clear()
        self._notified.set()  # so that it is noticed at once

    def _on_added(self, *_details: object) -> None:
        self._notified.set()

    async def _wait_for_notification(self) -> bool:
        """Whether one came before the next heartbeat."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._notified.wait()
        except TimeoutError:
            return False
        self._notified.clear()
        return True

    async def _publish_to_subscribers(self) -> None:
        async with self._publishing:
            if self._topics:
                async with self._database.reading() as session:
                    await self._publish(session)

    async def _publish(self, session: ReadSession) -> None:
        """Give each picture that has not been published yet to its subscribers."""
        while True:
            found = await fetch(session, repository.by_id(self._published, None, BATCH_PICTURES))
            if not found:
                return
            newest, is_all = found[-1].id, len(found) < BATCH_PICTURES
            if newest - self._published != len(found):
                await self._wait_for_writers(session)
                found = await fetch(session, repository.by_id(self._published, newest, None))
            for record in found:
                self._put(record)
            self._published = newest
            if is_all:
                return

    def _put(self, record: PictureRecord) -> None:
        for device_id in (record.device_id, None):
            for subscription in self._topics.get(Topic(record.collection, device_id), ()):
                subscription.put(record)

    async def _greatest_settled_id(self, session: ReadSession) -> int:
        """An id up to which no further picture can appear."""
        greatest = await repository.greatest_id(session)
        await self._wait_for_writers(session)
        return greatest

    @staticmethod
    async def _wait_for_writers(session: ReadSession) -> None:
        """Wait until the transactions that write at this moment are over. An id that was given out before this call
        then belongs to a picture that can be read, or to none."""
        pause, waited = FIRST_POLL_SECONDS, 0.0
        writers = await repository.writers(session)
        while writers and waited < LONGEST_WAIT_SECONDS:
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, LONGEST_POLL_SECONDS)
            writers &= await repository.writers(session)
        if writers:
            log.warning("pictures may be missing in the streams: a transaction takes too long", count=len(writers))
