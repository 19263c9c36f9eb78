"""The process that carries additions out, beside the requests of its replica.

Files are read and decoded side by side, and become pictures one after the other in the order of the list, each in a
transaction of its own, so that the numbers of pictures follow the list. An addition whose process is silent for long is
taken up by another one where that has left it.

A picture may be what ends its process, for want of memory. So after an end without a word the next process has one
picture at a time in its hands, and after `MAX_INTERRUPTIONS` in a row without any progress the picture that is next is
left out.

A picture for which there is no memory at the moment lets the addition wait, longer each time, and is left out after
`MAX_POSTPONED` times. Meanwhile the addition is queued, as the others that wait are.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from imagehub_service.drives.service import Drives
from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.models import Addition, AdditionFolder, AdditionItem
from imagehub_service.gallery.adding.preparation import UNEXPECTED, NotAdded, NotNow, Preparation, ReadyPicture
from imagehub_service.gallery.adding.progress import ProgressBoard
from imagehub_service.gallery.adding.side_by_side import in_order
from imagehub_service.gallery.adding.store import AdditionStore, no_such_group
from imagehub_service.gallery.groups import places_repository
from lightbox_shared.concurrency.background_jobs import (
    DEAD_AFTER_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_INTERRUPTIONS,
    POLL_SECONDS,
    JobRunner,
    Lost,
    Mine,
)
from lightbox_shared.database import Database
from lightbox_shared.errors.handlers import is_database_outage
from lightbox_shared.errors.sentences import Sentence

log = structlog.get_logger()

MAX_POSTPONED: Final = 8
"""How often an addition waits for the memory of one picture: for a quarter of an hour together."""
SHORTEST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 300.0
ADDITIONS_AT_ONCE: Final = 4
"""Additions on which a process works side by side, so that a small one need not wait for a large one."""
KEPT_SECONDS: Final = 7 * 24 * 3600
"""How long an addition that has ended can be looked at."""
ENDED_PROCESSES: Final = Sentence(
    "ended-processes", "The service ended several times while this picture was being added."
)
NO_MEMORY: Final = Sentence(
    "no-memory", "The service was busy with other pictures for a long time. Please add this one again later."
)
GIVEN_UP: Final = Sentence("not-added", "The pictures could not be added, because of an error in this service.")


class Postponed(Exception):
    """The addition waits, and is not this process's any more."""


class AdditionWorker(JobRunner[Addition]):
    """Carries the additions out that wait."""

    def __init__(
        self,
        database: Database,
        drives: Drives,
        store: AdditionStore,
        preparation: Preparation,
        progress: ProgressBoard,
        *,
        pictures_at_once: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        dead_after_seconds: float = DEAD_AFTER_SECONDS,
        pause_seconds: float = POLL_SECONDS,
    ) -> None:
        """`pictures_at_once` bounds the pictures of all additions that are in memory. After a failure of the database
        an addition rests for `pause_seconds`."""
        super().__init__(
            database,
            Addition,
            take=repository.take,
            begin=self._add_pictures,
            at_once=ADDITIONS_AT_ONCE,
            heartbeat_seconds=heartbeat_seconds,
            dead_after_seconds=dead_after_seconds,
        )
        self._drives = drives
        self._store = store
        self._preparation = preparation
        self._progress = progress
        self._pictures_at_once = pictures_at_once
        self._slots = asyncio.Semaphore(pictures_at_once)
        self._pause = pause_seconds

    async def tidy_up(self) -> None:
        """Forget additions that have ended long ago."""
        forgotten = 1
        while forgotten:
            async with self._database.writing() as session:
                forgotten = await repository.forget_old(session, KEPT_SECONDS)

    async def _add_pictures(self, addition: Addition) -> None:
        error = await self.carry_out(addition, self._work_on(addition, addition.mine))
        try:
            if error is not None:
                await self._ended_by(error, addition.mine)
        finally:
            self._progress.tell(addition.id, is_end=True)

    async def _work_on(self, addition: Addition, mine: Mine) -> None:
        async with self._database.reading() as session:
            folders = await repository.folders(session, addition.id)
            wanted = {folder.group_id for folder in folders.values() if folder.group_id is not None}
            groups = await places_repository.existing(session, wanted)
        drive = self._drives.for_account(addition.created_by)
        is_careful = addition.interruptions > 0

        async def prepare(item: AdditionItem) -> ReadyPicture:
            group_id = folders[item.folder_number].group_id
            if group_id in wanted - groups:
                raise NotAdded(no_such_group(group_id or 0))
            return await self._preparation.prepare(drive, item.file_id)

        ahead = 1 if is_careful else self._pictures_at_once
        async with aclosing(self._items(addition, mine)) as items:
            prepared = in_order(items, prepare, slots=self._slots, ahead=ahead)
            async with aclosing(prepared):
                async for item, task in prepared:
                    await self._finish_item(addition, mine, folders[item.folder_number], item, task)
                    self._progress.tell(addition.id)
        await self._store.finish(mine)

    async def _items(self, addition: Addition, mine: Mine) -> AsyncGenerator[AdditionItem]:
        """The pictures that are not finished, in their order, less the one that has ended processes."""
        last = -1
        while True:
            async with self._database.reading() as session:
                found = await repository.pending(session, addition.id, last)
            if not found:
                return
            if addition.interruptions >= MAX_INTERRUPTIONS and last == -1:
                log.error("a picture was left out", addition=addition.id, interruptions=addition.interruptions)
                await self._store.fail(mine, found[0], ENDED_PROCESSES)
                found, last = found[1:], found[0].number
            for item in found:
                yield item
                last = item.number

    async def _finish_item(
        self,
        addition: Addition,
        mine: Mine,
        folder: AdditionFolder,
        item: AdditionItem,
        task: asyncio.Task[ReadyPicture],
    ) -> None:
        try:
            await self._keep(addition, mine, folder, item, task.result())
        except NotAdded as refusal:
            await self._store.fail(mine, item, refusal.sentence)
        except NotNow as refusal:
            if item.postponed >= MAX_POSTPONED:
                await self._store.fail(mine, item, NO_MEMORY)
                return
            seconds = min(SHORTEST_WAIT_SECONDS * 2**item.postponed, LONGEST_WAIT_SECONDS)
            await self._store.postpone(mine, item, seconds)
            raise Postponed(f"for {seconds:.0f} s") from refusal
        except Lost:
            raise
        except Exception as error:
            if is_database_outage(error):
                raise
            log.exception("a picture could not be kept", addition=addition.id, item=item.number)
            await self._store.fail(mine, item, UNEXPECTED)

    async def _keep(
        self, addition: Addition, mine: Mine, folder: AdditionFolder, item: AdditionItem, ready: ReadyPicture
    ) -> None:
        try:
            await self._store.keep(mine, addition.created_by, folder, item, ready)
        except DBAPIError as error:  # such as two transactions that waited for each other
            if is_database_outage(error):
                raise
            await self._store.keep(mine, addition.created_by, folder, item, ready)

    async def _ended_by(self, error: BaseException, mine: Mine) -> None:
        if isinstance(error, Postponed):
            log.info("an addition waits for memory", addition=mine.id, wait=str(error))
        elif isinstance(error, Exception) and is_database_outage(error):
            log.warning("an addition was interrupted", addition=mine.id, error=type(error).__name__)
            await asyncio.sleep(self._pause)
            await self.give_back(mine)
        else:
            log.error("an addition was given up", addition=mine.id, exc_info=error)
            await self._store.give_up(mine, GIVEN_UP)
