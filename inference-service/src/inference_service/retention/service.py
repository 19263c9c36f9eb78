"""Deletes what was stored without an account when it is older than the setting says, every hour and when it is asked
for. The bytes of the pictures go with the unused blobs."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, NamedTuple

import structlog

from inference_service.retention import repository
from inference_service.retention.repository import Deleted
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.database import Database, WriteSession

BATCH: Final = 200
FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0

log = structlog.get_logger()

_DeleteBatch = Callable[[WriteSession, timedelta, int], Awaitable[Deleted]]
"""Deletes up to so many rows of an age."""


class Expired(NamedTuple):
    """How much was deleted."""

    xrays: int
    predictions: int


class AnonymousRetention:
    """Deletes X-rays and predictions of the anonymous account."""

    def __init__(self, database: Database, anonymous: AnonymousStorage, *, days: int, batch: int = BATCH) -> None:
        """`days` is the age at which they expire, 0 for never; `batch` is the most that one transaction deletes."""
        self._database = database
        self._anonymous = anonymous
        self._age = timedelta(days=days)
        self._batch = batch

    def scheduled(self, *, first_after: float = FIRST_AFTER_SECONDS) -> AbstractAsyncContextManager[None]:
        """Delete what is expired, and put the counts in order, `first_after` seconds after the start and then every
        hour, until the end of the context."""

        async def work() -> None:
            await self._anonymous.tidy_up()
            await self._anonymous.correct(repository.counted_anonymous())
            await self.delete()

        return periodic_task(work, "anonymous pictures", every=EVERY_SECONDS, first_after=first_after)

    async def delete(self) -> Expired:
        """Delete what is expired at this moment."""
        if not self._age:
            return Expired(0, 0)
        xrays = await self._delete_all(repository.delete_xrays)
        predictions = await self._delete_all(repository.delete_predictions)
        if xrays or predictions:
            log.info("expired anonymous pictures were deleted", xrays=xrays, predictions=predictions)
        return Expired(xrays, predictions)

    async def _delete_all(self, batch: _DeleteBatch) -> int:
        count = 0
        while True:
            async with self._database.writing() as session:
                deleted = await batch(session, self._age, self._batch)
                if deleted.counted:
                    await self._anonymous.subtract(session, Stored(deleted.counted, deleted.bytes))
            count += deleted.rows
            if deleted.rows == 0:
                return count
