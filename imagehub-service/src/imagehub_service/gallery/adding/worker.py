"""The process that carries additions out, beside the requests of its replica.

It takes the oldest addition that waits, and says every few seconds that it is alive. Files are read and decoded side by
side, and become pictures one after the other in the order of the list, each in a transaction of its own, so that the
numbers of pictures follow the list. An addition whose process is silent for `DEAD_AFTER_SECONDS` is taken up by another
one where that has left it; a process that ends in good order gives its additions back at once.

A picture may be what ends its process, for want of memory. So after an end without a word the next process has one
picture at a time in its hands, and after `MAX_INTERRUPTIONS` in a row without any progress the picture that is next is
left out.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from imagehub_service.drives.service import Drives
from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.models import Addition, AdditionFolder, AdditionItem
from imagehub_service.gallery.adding.preparation import UNEXPECTED, NotAdded, Preparation, ReadyPicture
from imagehub_service.gallery.adding.progress import POLL_SECONDS, ProgressBoard
from imagehub_service.gallery.adding.repository import Mine
from imagehub_service.gallery.adding.side_by_side import in_order
from imagehub_service.gallery.adding.store import AdditionStore, Lost, no_such_group
from imagehub_service.gallery.groups import places_repository
from lightbox_shared.database import Database
from lightbox_shared.errors.handlers import is_database_outage

log = structlog.get_logger()

HEARTBEAT_SECONDS: Final = 5.0
DEAD_AFTER_SECONDS: Final = 30.0
MAX_INTERRUPTIONS: Final = 3
ADDITIONS_AT_ONCE: Final = 4
"""Additions on which a process works side by side, so that a small one need not wait for a large one."""
KEPT_SECONDS: Final = 7 * 24 * 3600
"""How long an addition that has ended can be looked at."""
ENDED_PROCESSES: Final = "The service ended several times while this picture was being added."
GIVEN_UP: Final = "The pictures could not be added, because of an error in this service."


class AdditionWorker:
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
        self._database = database
        self._drives = drives
        self._store = store
        self._preparation = preparation
        self._progress = progress
        self._pictures_at_once = pictures_at_once
        self._slots = asyncio.Semaphore(pictures_at_once)
        self._heartbeat = heartbeat_seconds
        self._dead_after = dead_after_seconds
        self._pause = pause_seconds
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Look for additions at once."""
        self._wanted.set()

    async def run(self) -> None:
        """Carry additions out, now and whenever one waits, until the task is cancelled."""
        running: dict[asyncio.Task[None], Mine] = {}
        try:
            while True:
                self._wanted.clear()
                try:
                    await self._start(running)
                except Exception as error:  # noqa: BLE001 - the next time it may succeed
                    log.warning("additions can't be taken up", error=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wanted.wait()
        finally:
            left = dict(running)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for mine in left.values():  # also where the task had not begun
                await self._give_back(mine)

    async def work(self) -> None:
        """Carry additions out, one after the other, until none waits."""
        while (addition := await self._take()) is not None:
            await self._carry_out(addition)

    async def tidy_up(self) -> None:
        """Forget additions that have ended long ago."""
        forgotten = 1
        while forgotten:
            async with self._database.writing() as session:
                forgotten = await repository.forget_old(session, KEPT_SECONDS)

    async def _start(self, running: dict[asyncio.Task[None], Mine]) -> None:
        while len(running) < ADDITIONS_AT_ONCE and (addition := await self._take()) is not None:
            task = asyncio.create_task(self._carry_out(addition), name=f"addition {addition.id}")
            running[task] = Mine(addition.id, addition.attempt)
            task.add_done_callback(running.pop)
            task.add_done_callback(lambda _: self.wake())

    async def _take(self) -> Addition | None:
        """The next addition; when this is cancelled, the one that was just taken up is given back."""
        taking = asyncio.create_task(self._take_one())
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.gather(taking, return_exceptions=True)
            if not taking.cancelled() and taking.exception() is None and (addition := taking.result()) is not None:
                await self._give_back(Mine(addition.id, addition.attempt))
            raise

    async def _take_one(self) -> Addition | None:
        async with self._database.writing() as session:
            return await repository.take(session, self._dead_after)

    async def _carry_out(self, addition: Addition) -> None:
        """Work on an addition until it ends or is lost, and say meanwhile that this process is alive."""
        mine = Mine(addition.id, addition.attempt)
        working = asyncio.create_task(self._work_on(addition, mine), name=f"pictures of addition {addition.id}")
        try:
            while not working.done():
                await asyncio.wait([working], timeout=self._heartbeat)
                if not working.done() and not await self._is_mine(mine):
                    working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._give_back(mine)
            raise
        error = None if working.cancelled() else working.exception()
        if error is not None:
            await self._ended_by(error, mine)
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
            await self._store.fail(mine, item, str(refusal))
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

    async def _is_mine(self, mine: Mine) -> bool:
        try:
            await self._store.go_on(mine)
        except Lost:
            return False
        except Exception as error:  # noqa: BLE001 - if it lasts, another process takes the addition up
            log.warning("an addition can't be kept alive", addition=mine.id, error=type(error).__name__)
        return True

    async def _ended_by(self, error: BaseException, mine: Mine) -> None:
        if isinstance(error, Lost):
            log.info("an addition is not ours any more", addition=mine.id)
            return
        if isinstance(error, Exception) and is_database_outage(error):
            log.warning("an addition was interrupted", addition=mine.id, error=type(error).__name__)
            await asyncio.sleep(self._pause)
            await self._give_back(mine)
            return
        log.error("an addition was given up", addition=mine.id, exc_info=error)
        try:
            await self._store.give_up(mine, GIVEN_UP)
        except Exception as second:  # noqa: BLE001 - it is taken up once more when this process was silent for long
            log.warning("an addition can't be given up", addition=mine.id, error=type(second).__name__)

    async def _give_back(self, mine: Mine) -> None:
        """If that can't be done, the addition is taken up when this process has been silent for long enough."""
        try:
            await self._store.give_back(mine)
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("an addition can't be given back", addition=mine.id, error=type(error).__name__)
