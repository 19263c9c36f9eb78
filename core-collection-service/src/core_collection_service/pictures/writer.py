"""Group commit: pictures that arrive while others are being written go into the next statement together.

PostgreSQL syncs its log once a transaction, so sixteen pictures in one cost little more than one. Whoever waits in
`keep` is answered when the transaction that has its picture is committed, not before.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from core_collection_service.pictures import repository
from core_collection_service.pictures.repository import Key, NewPicture, PictureRecord
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from lightbox_shared.errors.handlers import is_database_outage

BATCH_PICTURES: Final = 64
BATCH_BYTES: Final = 4 * 1024 * 1024
LARGE_BYTES: Final = 1024 * 1024
"""Pictures from this size on have a lane of their own, so that no small one waits behind them. For small ones a lane is
quicker than several: what waits together is written together."""
ATTEMPTS: Final = 3
"""For a picture that is neither added nor found: it was deleted in between."""


class Kept(NamedTuple):
    """The picture with a submission's key, which may be another one that was there before."""

    record: PictureRecord
    created: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    row: NewPicture
    answer: "asyncio.Future[Kept]"


class PictureWriter:
    """Use it as `async with writer.running()`."""

    def __init__(self, database: Database) -> None:
        self._small = _Lane(database)
        self._large = _Lane(database)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PictureWriter"]:
        """Write until the end of the context; what waits then is refused."""
        async with self._small.running(), self._large.running():
            yield self

    async def keep(self, row: NewPicture) -> Kept:
        """Returns when the picture is durable, or was so before. Raises what the database raises."""
        return await (self._large if row.stored_size >= LARGE_BYTES else self._small).keep(row)


class _Lane:
    """One task that writes what has arrived while it wrote what had arrived before."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._write_on(), name="picture writer")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._refuse(self._waiting, Unavailable("The service is stopping."))

    async def keep(self, row: NewPicture) -> Kept:
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def _write_on(self) -> None:
        while True:
            await self._arrived.wait()
            batch = self._take()
            if not batch:
                self._arrived.clear()
                continue
            try:
                await self._write(batch)
            except asyncio.CancelledError:
                self._refuse(batch, Unavailable("The service is stopping."))
                raise
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait
                await self._apart(batch, error)

    def _take(self) -> list[_Waiting]:
        """The next batch: at least one, then as long as it is small. Nobody waits who has given up."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH_PICTURES and (not batch or size < BATCH_BYTES):
            waiting = self._waiting.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
                size += waiting.row.stored_size
        return batch

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        left = list(batch)
        for _ in range(ATTEMPTS):
            async with self._database.autocommit() as connection:
                added = {each.key: each for each in await repository.add(connection, [each.row for each in left])}
                missing = list({each.row.key for each in left} - added.keys())
                found = await repository.existing(connection, missing) if missing else []
            known = {each.key: each for each in found}
            left = self._answer(left, added, known)
            if not left:
                return
        self._refuse(left, Unavailable("The picture is being deleted at the same time."))

    @staticmethod
    def _answer(
        batch: Sequence[_Waiting], added: dict[Key, PictureRecord], known: dict[Key, PictureRecord]
    ) -> list[_Waiting]:
        """Answer those whose key is there; returns the others. Of two with one new key one has created it."""
        left: list[_Waiting] = []
        credited: set[Key] = set()
        for each in batch:
            key = each.row.key
            record = added.get(key) or known.get(key)
            if record is None:
                left.append(each)
                continue
            created = key in added and key not in credited and record.sha256 == each.row.sha256
            if created:
                credited.add(key)
            if not each.answer.done():
                each.answer.set_result(Kept(record, created))
        return left

    async def _apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """A failed batch: in an outage all have failed, else each is tried by itself, so that none fails for another's
        sake."""
        if len(batch) == 1 or is_database_outage(error):
            self._refuse(batch, error)
            return
        for each in batch:
            if each.answer.done():  # its picture was there already, or was added, before the others failed
                continue
            try:
                await self._write([each])
            except Exception as own:  # noqa: BLE001 - it belongs to the one who waits
                self._refuse([each], own)

    @staticmethod
    def _refuse(batch: "Sequence[_Waiting] | deque[_Waiting]", error: Exception) -> None:
        for each in batch:
            if not each.answer.done():
                each.answer.set_exception(error)
