"""Group commit: pictures that arrive while others are being written go into the next statement together.

PostgreSQL syncs its log once a transaction, so sixteen pictures in one transaction cost little more than one picture.
`PictureWriter.write` returns when the transaction with the picture has been committed, not earlier.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from core_collection_service.pictures.models import NewPicture, PictureKey, PictureRecord
from core_collection_service.pictures.submit import repository
from lightbox_shared.concurrency.background import background_task
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from lightbox_shared.errors.handlers import is_database_outage

BATCH_PICTURES: Final = 64
BATCH_BYTES: Final = 4 * 1024 * 1024
LARGE_BYTES: Final = 1024 * 1024
"""Pictures of this size and more have a queue of their own, so that no small one waits behind them. Small ones are
written more quickly by one queue than by several, since what waits together is written together."""
ATTEMPTS: Final = 3
"""For a picture that is neither added nor found, because it was deleted in between, or its reservation is gone."""


class Written(NamedTuple):
    """The picture with the key of a submission."""

    record: PictureRecord
    """It may have other bytes than the submission, if it was there already."""
    created: bool


@dataclass(frozen=True, slots=True)
class _Pending:
    row: NewPicture
    result: "asyncio.Future[Written]"


class PictureWriter:
    """Writes pictures in batches. Use it as `async with writer.running()`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._small = _BatchQueue(database)
        self._large = _BatchQueue(database)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PictureWriter"]:
        """Write until the end of the context, where pictures that are still waiting are refused."""
        async with self._small.running("small pictures"), self._large.running("large pictures"):
            yield self

    async def write(self, row: NewPicture) -> Written:
        """Add a picture unless its key is there already; returns when it is durable. Raises `Unavailable`, and what
        the database raises."""
        return await (self._large if row.stored_size >= LARGE_BYTES else self._small).write(row)

    async def find(self, key: PictureKey) -> PictureRecord | None:
        """The picture with this key, if it is there."""
        async with self._database.autocommit() as connection:
            return next(iter(await repository.existing(connection, [key])), None)


class _BatchQueue:
    """One task that writes the pictures that have arrived while it wrote those before."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: deque[_Pending] = deque()
        self._arrived = asyncio.Event()

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        try:
            async with background_task(self._write_batches(), f"writer of {name}"):
                yield
        finally:
            _refuse(self._pending, Unavailable("The service is stopping."))

    async def write(self, row: NewPicture) -> Written:
        pending = _Pending(row, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._arrived.set()
        return await pending.result

    async def _write_batches(self) -> None:
        while True:
            await self._arrived.wait()
            batch = self._next_batch()
            if not batch:
                self._arrived.clear()
                continue
            try:
                await self._write_with_retries(batch)
            except asyncio.CancelledError:
                _refuse(batch, Unavailable("The service is stopping."))
                raise

    def _next_batch(self) -> list[_Pending]:
        """At least one picture if any is pending, then more within the limits, without those whose client gave up."""
        batch: list[_Pending] = []
        size = 0
        while self._pending and len(batch) < BATCH_PICTURES and (not batch or size < BATCH_BYTES):
            pending = self._pending.popleft()
            if not pending.result.done():
                batch.append(pending)
                size += pending.row.stored_size
        return batch

    async def _write_with_retries(self, batch: Sequence[_Pending]) -> None:
        try:
            await self._write(batch)
        except Exception as error:  # noqa: BLE001 - it is raised in those who wait
            await self._write_one_by_one(batch, error)

    async def _write(self, batch: Sequence[_Pending]) -> None:
        left = list(batch)
        for _ in range(ATTEMPTS):
            async with self._database.autocommit() as connection:
                added = {each.key: each for each in await repository.add(connection, [each.row for each in left])}
                missing = list({each.row.key for each in left} - added.keys())
                found = await repository.existing(connection, missing) if missing else []
            left = _resolve(left, added, {each.key: each for each in found})
            if not left:
                return
        _refuse(left, Unavailable("The upload took too long, or the picture is being deleted at the same time."))

    async def _write_one_by_one(self, batch: Sequence[_Pending], error: Exception) -> None:
        """After a batch has failed with `error`. In an outage all its pictures fail; otherwise each is tried again by
        itself, so that none fails because of another."""
        if len(batch) == 1 or is_database_outage(error):
            _refuse(batch, error)
            return
        for each in batch:
            if each.result.done():  # its picture was added, or found, before the others failed
                continue
            try:
                await self._write([each])
            except Exception as own_error:  # noqa: BLE001 - it is raised in the one who waits
                _refuse([each], own_error)


def _resolve(
    batch: Sequence[_Pending], added: dict[PictureKey, PictureRecord], found: dict[PictureKey, PictureRecord]
) -> list[_Pending]:
    """Give those their results whose keys are there, and return the others. Of two with one new key, only one has
    created it."""
    left: list[_Pending] = []
    credited: set[PictureKey] = set()
    for each in batch:
        key = each.row.key
        record = added.get(key) or found.get(key)
        if record is None:
            left.append(each)
            continue
        created = key in added and key not in credited and record.sha256 == each.row.sha256
        if created:
            credited.add(key)
        if not each.result.done():
            each.result.set_result(Written(record, created))
    return left


def _refuse(batch: Iterable[_Pending], error: Exception) -> None:
    for each in batch:
        if not each.result.done():
            each.result.set_exception(error)
