"""The process that makes exports, one at a time, beside the requests of its replica.

It takes the oldest export that waits, writes the file chunk by chunk into the database, and says every few seconds that
it is alive. An export whose process is silent for `DEAD_AFTER_SECONDS` is taken up by another one, from its beginning:
what the first one had read is of an older moment. A process that ends in good order gives its export back at once.
"""

import asyncio
import hashlib
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Final

import anyio
import structlog

from annotation_service.exports import repository, results_repository
from annotation_service.exports.formats import ExportFormat, encode
from annotation_service.exports.models import CHUNK_BYTES, Export
from annotation_service.exports.rows import Columns, ResultRow
from annotation_service.exports.schemas import ExportFilters
from annotation_service.schemes.rules import SchemeRules
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors.handlers import is_database_outage

log = structlog.get_logger()

POLL_SECONDS: Final = 1.0
"""The pause between two looks for exports that other replicas were asked for, or that were given up by others."""
HEARTBEAT_SECONDS: Final = 5.0
DEAD_AFTER_SECONDS: Final = 30.0
MAX_INTERRUPTIONS: Final = 3
"""An export whose processes have ended so often is not begun again: it may be what ends them."""


class Lost(Exception):
    """The export is not this process's any more: it was deleted, or another process has taken it up."""


class ExportWorker:
    """Makes the exports that wait."""

    def __init__(
        self,
        database: Database,
        *,
        lifetime_seconds: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        dead_after_seconds: float = DEAD_AFTER_SECONDS,
    ) -> None:
        """Files are kept for `lifetime_seconds`."""
        self._database = database
        self._lifetime = lifetime_seconds
        self._heartbeat = heartbeat_seconds
        self._dead_after = dead_after_seconds
        self._wanted = asyncio.Event()
        self._encoding = anyio.CapacityLimiter(1)

    def wake(self) -> None:
        """Look for exports at once."""
        self._wanted.set()

    async def run(self) -> None:
        """Make exports, now and whenever one waits, until the task is cancelled."""
        while True:
            self._wanted.clear()
            try:
                await self.work()
            except Exception as error:  # noqa: BLE001 - the next time it may succeed
                log.warning("exports can't be made", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wanted.wait()

    async def work(self) -> None:
        """Make exports until none waits."""
        while (export := await self._take()) is not None:
            await self._make(export)

    async def tidy_up(self) -> None:
        """Delete the exports whose time is over."""
        removed = 1
        while removed:
            async with self._database.writing() as session:
                removed = await repository.remove_expired(session)

    async def _take(self) -> Export | None:
        async with self._database.writing() as session:
            export = await repository.take(session, self._dead_after)
            given_up = export is not None and export.interruptions >= MAX_INTERRUPTIONS
            if export is not None and given_up:
                await repository.finish(session, export.id, export.attempt, None, self._lifetime)
                log.error("an export was given up", export=export.id, interruptions=export.interruptions)
        return export if not given_up else await self._take()

    async def _make(self, export: Export) -> None:
        file = _File(self._database, export)
        making = asyncio.create_task(self._write(export, file), name=f"export {export.id}")
        try:
            while not making.done():
                await asyncio.wait([making], timeout=self._heartbeat)
                if not making.done() and not await self._is_mine(file):
                    making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        except asyncio.CancelledError:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            async with self._database.writing() as session:
                await repository.give_back(session, export.id, export.attempt)
            raise
        error = None if making.cancelled() else making.exception()
        if error is not None:
            await self._failed(export, error)

    async def _write(self, export: Export, file: "_File") -> None:
        results = ExportFilters.model_validate(export.filters).results
        async with self._database.writing() as session:
            await results_repository.freeze(session)
            found = await results_repository.schemes(session, results)
            columns = Columns({row.id: SchemeRules(row.id, row.name, row.version, row.schema) for row in found})
            async with aclosing(results_repository.rows(session, results)) as batches:
                await encode(
                    ExportFormat(export.format), columns, file.counted(batches), file.write, limiter=self._encoding
                )
        await file.finish(self._lifetime)

    async def _is_mine(self, file: "_File") -> bool:
        try:
            return await file.go_on()
        except Exception as error:
            if is_database_outage(error):
                return True  # until the next time; if it lasts, another process takes the export up
            raise

    async def _failed(self, export: Export, error: BaseException) -> None:
        """The log gets no sentence of the error: it might have a value of a label in it."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        details = {"export": export.id, "error": type(error).__name__, "place": f"{place.name}:{place.lineno}"}
        if isinstance(error, Lost):
            log.info("an export is not ours any more", export=export.id)
        elif isinstance(error, Exception) and is_database_outage(error):
            log.warning("an export was interrupted", **details)
        else:
            log.error("an export failed", **details)
            async with self._database.writing() as session:
                await repository.finish(session, export.id, export.attempt, None, self._lifetime)


class _File:
    """The file of an export, of which less than two chunks are in memory."""

    def __init__(self, database: Database, export: Export) -> None:
        self._database = database
        self._export_id, self._attempt = export.id, export.attempt
        self._waiting = bytearray()
        self._sha256 = hashlib.sha256()
        self._rows = self._size = self._chunks = 0

    async def counted(self, batches: AsyncIterator[list[ResultRow]]) -> AsyncIterator[list[ResultRow]]:
        """The same batches, whose rows are counted."""
        async for batch in batches:
            self._rows += len(batch)
            yield batch

    async def write(self, data: bytes) -> None:
        """Append to the file. Raises `Lost`."""
        self._sha256.update(data)
        self._waiting += data
        while len(self._waiting) >= CHUNK_BYTES:
            piece = bytes(self._waiting[:CHUNK_BYTES])
            del self._waiting[:CHUNK_BYTES]
            async with self._database.writing() as session:
                await self._store(session, piece)

    async def go_on(self) -> bool:
        """Say that the process is alive; False if the export is not its own any more."""
        async with self._database.writing() as session:
            return await repository.go_on(session, self._export_id, self._attempt, rows=self._rows)

    async def finish(self, lifetime_seconds: int) -> None:
        """Store the rest. Raises `Lost`."""
        async with self._database.writing() as session:
            if self._waiting:
                await self._store(session, bytes(self._waiting))
            await repository.go_on(session, self._export_id, self._attempt, rows=self._rows, size=self._size)
            digest = self._sha256.digest()
            if not await repository.finish(session, self._export_id, self._attempt, digest, lifetime_seconds):
                raise Lost

    async def _store(self, session: WriteSession, piece: bytes) -> None:
        self._size += len(piece)
        if not await repository.go_on(session, self._export_id, self._attempt, rows=self._rows, size=self._size):
            raise Lost
        await repository.add_chunk(session, self._export_id, self._chunks, piece)
        self._chunks += 1
