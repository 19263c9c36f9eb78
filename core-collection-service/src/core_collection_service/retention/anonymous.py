"""Deletes pictures that strangers have sent when they are older than the setting says: without a credential, or with an
account that nobody had approved.

Devices that a rule is about, their own or that for every device, are left to the rule.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, NamedTuple

import anyio
import structlog

from core_collection_service.pictures.delete.repository import Removed, remove
from core_collection_service.retention import repository
from core_collection_service.retention.schedule import EVERY_SECONDS, FIRST_AFTER_SECONDS
from core_collection_service.retention.service import BATCH_PICTURES, PAGE_DEVICES, PAUSE_SECONDS
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import ObjectStoreNotConfigured

log = structlog.get_logger()

_START: Final = ("", "")
"""Before the first device, by collection and id."""


class ExpiredPictures(NamedTuple):
    """Pictures that were deleted."""

    devices: int
    pictures: int
    size: int
    """Bytes as they were sent."""


class AnonymousRetention:
    """Deletes expired pictures that were sent without a credential, each batch in a transaction of its own.
    `delete_objects` deletes from the object store; it is None where none is configured."""

    def __init__(
        self,
        database: Database,
        delete_objects: Callable[[Sequence[bytes]], Awaitable[None]] | None,
        *,
        days: int,
        batch: int = BATCH_PICTURES,
    ) -> None:
        """`days` is the age at which pictures expire, counted from when they were received; 0 for never."""
        self._database = database
        self._delete_objects = delete_objects
        self._age = timedelta(days=days)
        self._batch = batch

    def scheduled(
        self, anonymous: AnonymousStorage, *, first_after: float = FIRST_AFTER_SECONDS
    ) -> AbstractAsyncContextManager[None]:
        """Delete what is expired, and put the counts in order, `first_after` seconds after the start and then every
        hour, until the end of the context."""

        async def work() -> None:
            await anonymous.tidy_up()
            await anonymous.correct(repository.counted_anonymous())
            await self.delete()

        return periodic_task(work, "anonymous pictures", every=EVERY_SECONDS, first_after=first_after)

    async def delete(self) -> ExpiredPictures:
        """Delete what is expired at this moment. Raises `ObjectStoreNotConfigured` before a row is deleted whose object
        could not be."""
        devices = pictures = size = 0
        after, more = _START, bool(self._age)
        while more:
            async with self._database.reading() as session:
                found = await repository.devices_without_rule(session, self._age, after, PAGE_DEVICES)
            for collection, device_id in found:
                count, bytes_sent = await self._delete_of(collection, device_id)
                devices, pictures, size = devices + bool(count), pictures + count, size + bytes_sent
            more = len(found) == PAGE_DEVICES
            after = found[-1] if found else after
        if pictures:
            log.info("expired anonymous pictures were deleted", devices=devices, pictures=pictures, bytes=size)
        return ExpiredPictures(devices, pictures, size)

    async def _delete_of(self, collection: str, device_id: str) -> tuple[int, int]:
        """How many pictures of a device were deleted, and their bytes."""
        count = size = 0
        while True:
            removed = await self._delete_batch(collection, device_id)
            if not removed.pictures:
                return count, size
            count, size = count + removed.pictures, size + removed.size
            await anyio.sleep(PAUSE_SECONDS)

    async def _delete_batch(self, collection: str, device_id: str) -> Removed:
        async with self._database.writing() as session:
            # The row of the device is locked, and the rule read again: there may be one by now.
            await repository.locked_bytes(session, collection, device_id)
            expired: Sequence[int] = ()
            if await repository.rule_for(session, collection, device_id) is None:
                expired = await repository.anonymous_before(session, collection, device_id, self._age, self._batch)
            removed = await remove(session, collection, device_id, expired) if expired else Removed(0, 0, [])
            if removed.object_keys and self._delete_objects is None:
                raise ObjectStoreNotConfigured
        if self._delete_objects is not None:
            await self._delete_objects(removed.object_keys)
        return removed
