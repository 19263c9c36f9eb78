"""The process that makes exports, one at a time, beside the requests of its replica.

It writes the file of the oldest export that waits chunk by chunk into the database. An export whose process is silent
for long is begun again by another one: what the first one had read is of an older moment.
"""

import hashlib
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing

import anyio
import structlog

from annotation_service.exports import repository, results_repository
from annotation_service.exports.formats import ExportFormat, encode
from annotation_service.exports.models import CHUNK_BYTES, Export
from annotation_service.exports.rows import Columns, ResultRow
from annotation_service.exports.schemas import ExportFilters
from annotation_service.schemes.rules import SchemeRules
from lightbox_shared.concurrency.background_jobs import (
    DEAD_AFTER_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_INTERRUPTIONS,
    JobRunner,
    Lost,
    Mine,
)
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors.handlers import is_database_outage

log = structlog.get_logger()


class ExportWorker(JobRunner[Export]):
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
        super().__init__(
            database,
            Export,
            take=repository.take,
            begin=self._make,
            heartbeat_seconds=heartbeat_seconds,
            dead_after_seconds=dead_after_seconds,
        )
        self._lifetime = lifetime_seconds
        self._encoding = anyio.CapacityLimiter(1)

    async def tidy_up(self) -> None:
        """Delete the exports whose time is over."""
        removed = 1
        while removed:
            async with self._database.writing() as session:
                removed = await repository.remove_expired(session)

    async def _make(self, export: Export) -> None:
        if export.interruptions >= MAX_INTERRUPTIONS:
            log.error("an export was given up", export=export.id, interruptions=export.interruptions)
            await self._fail(export)
            return
        file = _File(self._database, export.mine)
        error = await self.carry_out(export, self._write(export, file), progress=file.progress)
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

    async def _failed(self, export: Export, error: BaseException) -> None:
        """The log gets no sentence of the error: it might have a value of a label in it."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        details = {"export": export.id, "error": type(error).__name__, "place": f"{place.name}:{place.lineno}"}
        if isinstance(error, Exception) and is_database_outage(error):
            log.warning("an export was interrupted", **details)
        else:
            log.error("an export failed", **details)
            await self._fail(export)

    async def _fail(self, export: Export) -> None:
        async with self._database.writing() as session:
            await repository.finish(session, export.mine, None, self._lifetime)


class _File:
    """The file of an export, of which less than two chunks are in memory."""

    def __init__(self, database: Database, mine: Mine) -> None:
        self._database = database
        self._mine = mine
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

    def progress(self) -> dict[str, int]:
        """The columns that say how far it is, between two pieces."""
        return {"rows": self._rows}

    async def finish(self, lifetime_seconds: int) -> None:
        """Store the rest. Raises `Lost`."""
        async with self._database.writing() as session:
            if self._waiting:
                await self._store(session, bytes(self._waiting))
            await repository.go_on(session, self._mine, rows=self._rows, size=self._size)
            digest = self._sha256.digest()
            if not await repository.finish(session, self._mine, digest, lifetime_seconds):
                raise Lost

    async def _store(self, session: WriteSession, piece: bytes) -> None:
        self._size += len(piece)
        if not await repository.go_on(session, self._mine, rows=self._rows, size=self._size):
            raise Lost
        await repository.add_chunk(session, self._mine.id, self._chunks, piece)
        self._chunks += 1
