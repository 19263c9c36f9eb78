"""The pictures of all processes as they are kept, for whoever is connected to this one.

PostgreSQL says that there is something (LISTEN, on a connection of its own), the table says what: each notification is
one query for all subscribers together, and none where nobody listens. The feed knows up to which id it has told
everything, so it doesn't matter which notifications were lost with a connection: what was kept meanwhile is read when
there is one again.

Ids are given out before the transactions that use them are over, and these end in any order. Pictures are told by
ascending id all the same, since a client that comes back names the last id that it has seen: where ids are left out,
the transactions that write at that moment are waited for first. One that takes longer than `PATIENCE_SECONDS` is
waited for no more; its pictures are in the lists and are not told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import structlog
from anyio import CapacityLimiter

from core_collection_service.events.shutdown import told_to_stop
from core_collection_service.events.subscription import Subscription, Topic
from core_collection_service.pictures import list_repository
from core_collection_service.pictures.repository import CHANNEL, GONE, PictureRecord
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.errors import Unavailable

log = structlog.get_logger()

BATCH_PICTURES: Final = 500
PATIENCE_SECONDS: Final = 30.0
FIRST_LOOK_SECONDS: Final = 0.002
LONGEST_LOOK_SECONDS: Final = 0.1
HEARTBEAT_SECONDS: Final = 15.0
"""How often the listening connection is asked whether it still is one."""
REPLAYS: Final = 4
"""How many subscribers read the table at a time; the others wait, and leave the connections to everybody else."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0


class PictureFeed:
    """Use it as `async with feed.running()`. `database` is where pictures are read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._topics: dict[Topic, set[Subscription]] = {}
        self._told = 0
        """Every picture up to this id was told; counts only while somebody is subscribed."""
        self._reading = asyncio.Lock()
        self._woken = asyncio.Event()
        self._is_over = False
        self._at_deletions: list[Callable[[], None]] = []
        self.listening = asyncio.Event()
        """Set while there is a connection that listens."""
        self.replaying = CapacityLimiter(REPLAYS)
        """One token for each subscriber that reads what was kept before it came."""

    def at_deletions(self, callback: Callable[[], None]) -> None:
        """Call it when pictures are deleted, by whichever process, and whenever some may have been; while `listening`
        is not set nobody is told."""
        self._at_deletions.append(callback)

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return sum(map(len, self._topics.values()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PictureFeed"]:
        """Listen until the end of the context, which is the end of all subscriptions."""
        task = asyncio.create_task(self._listen_on(), name="picture feed")
        try:
            with told_to_stop(self.end):
                yield self
        finally:
            self.end()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def end(self) -> None:
        """End all subscriptions, and take no more."""
        self._is_over = True
        for subscription in [each for several in self._topics.values() for each in several]:
            subscription.end()

    @asynccontextmanager
    async def subscribed(
        self, collection: str, device_id: str | None = None, *, after: int | None = None
    ) -> AsyncIterator[Subscription]:
        """The pictures that are kept from here on, of one device or of all; with `after` those with greater ids.

        Each once, by ascending id. The iterator raises `FellBehind` when it is not read fast enough. Raises
        `Unavailable` when the service is stopping, and what the database raises.
        """
        topic = Topic(collection, device_id)
        async with self._reading:
            if self._is_over:
                raise Unavailable("The service is stopping.")
            async with self._database.reading() as session:
                if self._topics:
                    await self._tell(session)
                else:
                    self._told = await self._newest(session)
            # Nothing is told between these lines: whatever the feed tells has a greater id than `joined`.
            joined = self._told
            subscription = Subscription(
                self._database,
                topic,
                after=joined if after is None else after,
                joined=joined,
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

    async def _listen_on(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the database, the next attempt may be better
                log.warning("no notifications from the database", error=type(error).__name__)
            pause = FIRST_PAUSE_SECONDS if self.listening.is_set() else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self.listening.clear()
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Raises when the connection is lost, or could not be made."""
        own = Database(self._database.engine.url.render_as_string(hide_password=False), pool_size=1)
        try:
            async with own.engine.connect() as connection:
                driver = cast("Any", (await connection.get_raw_connection()).driver_connection)
                driver.add_termination_listener(self._is_lost)
                await driver.add_listener(CHANNEL, self._wake)
                await driver.add_listener(GONE, self._deleted)
                self._deleted()  # what was deleted while nobody listened
                self.listening.set()
                self._wake()  # for what was kept while nobody listened
                while not driver.is_closed():
                    if await self._was_woken():
                        await self._tell_if_asked()
                    else:
                        await driver.execute("SELECT 1", timeout=HEARTBEAT_SECONDS)
        finally:
            await own.dispose()

    def _deleted(self, *_about: object) -> None:
        for callback in self._at_deletions:
            callback()

    def _is_lost(self, *_about: object) -> None:
        self.listening.clear()
        self._wake()

    def _wake(self, *_about: object) -> None:
        self._woken.set()

    async def _was_woken(self) -> bool:
        """False when it has been quiet for some time."""
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def _tell_if_asked(self) -> None:
        async with self._reading:
            if self._topics:
                async with self._database.reading() as session:
                    await self._tell(session)

    async def _tell(self, session: ReadSession) -> None:
        """Give every picture that was not told yet to those who want it."""
        while True:
            found = await list_repository.records(session, list_repository.by_id(self._told, None, BATCH_PICTURES))
            if not found:
                return
            newest, is_all = found[-1].id, len(found) < BATCH_PICTURES
            if newest - self._told != len(found):
                await self._settle(session)
                found = await list_repository.records(session, list_repository.by_id(self._told, newest, None))
            for record in found:
                self._give(record)
            self._told = newest
            if is_all:
                return

    def _give(self, record: PictureRecord) -> None:
        for device_id in (record.device_id, None):
            for subscription in self._topics.get(Topic(record.collection, device_id), ()):
                subscription.put(record)

    async def _newest(self, session: ReadSession) -> int:
        newest = await list_repository.greatest_id(session)
        await self._settle(session)
        return newest

    @staticmethod
    async def _settle(session: ReadSession) -> None:
        """Wait until those are over that write at this moment: an id that was given out until now belongs to a picture
        that can be read then, or to none."""
        pause, waited = FIRST_LOOK_SECONDS, 0.0
        writing = await list_repository.writing(session)
        while writing and waited < PATIENCE_SECONDS:
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * 2, LONGEST_LOOK_SECONDS)
            writing &= await list_repository.writing(session)
        if writing:
            log.warning("pictures may be missing in the streams: a transaction takes too long", count=len(writing))
