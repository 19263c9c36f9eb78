"""Deletes the blobs of a service that nothing refers to any more, every hour and when it is asked for.

Why a blob that is being uploaded is never among them is explained in docs/decisions/0038-unused-bytes.md.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement

from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import Blobs, DeletedBlobs

BATCH: Final = 100
EVERY_SECONDS: Final = 3600.0

log = structlog.get_logger()


class UnusedBlobs:
    """Finds and deletes the blobs to which none of the columns `references` refers.

    Each of these columns needs a foreign key to the table of blobs, and an index.
    """

    def __init__(self, database: Database, blobs: Blobs, references: Sequence[ColumnElement[Any]]) -> None:
        self._database = database
        self._blobs = blobs
        self._references = references

    def scheduled(self, *, first_after: float = EVERY_SECONDS) -> AbstractAsyncContextManager[None]:
        """Delete them `first_after` seconds after the start and then every hour, until the end of the context."""
        return periodic_task(self.delete, "unused blobs", every=EVERY_SECONDS, first_after=first_after)

    async def delete(self) -> DeletedBlobs:
        """Delete all of them, `BATCH` in a transaction, and return how many there were.

        A row that goes with its blob may have referred to a further blob: that one is deleted as well.
        """
        total = DeletedBlobs(0, 0)
        while True:
            async with self._database.writing() as session:
                count, size = await self._blobs.delete_unused(session, self._references, limit=BATCH)
            if count == 0:
                break
            total = DeletedBlobs(total.blobs + count, total.bytes + size)
        if total.blobs:
            log.info("unused blobs were deleted", count=total.blobs, bytes=total.bytes)
        return total
