"""Applies the rules of retention.

A device's own rule replaces the default rule of its collection. A picture expires when it was received longer ago than
the rule allows (a device's clock may be wrong), and the oldest ones by timestamp expire while a device has more bytes
than the rule allows; the newest picture of a device never expires by its size. Each batch is a transaction that locks
the row of its device and reads the rule again, so an upload, a deletion or a change of the rule in between never costs
a picture that the rule keeps.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import anyio

from core_collection_service.pictures.delete.repository import Removed, remove
from core_collection_service.retention import repository
from core_collection_service.retention.repository import Rule
from lightbox_shared.database import Database, WriteSession, try_lock
from lightbox_shared.storage.blobs import ObjectStoreNotConfigured

BATCH_PICTURES: Final = 200
PAGE_DEVICES: Final = 500
PAUSE_SECONDS: Final = 0.02
"""Between two batches, so that uploads come first."""
ADVISORY_LOCK: Final = 0x636F_7265_0000_0001
"""Held by the replica that applies the rules, for each batch."""


class Expired(NamedTuple):
    """Pictures of one device that were deleted, or would be."""

    collection: str
    device_id: str
    pictures: int
    """How many."""
    size: int
    """Bytes as they were sent."""


@dataclass(frozen=True, slots=True)
class _Batch:
    removed: Removed
    is_last: bool


class Retention:
    """Deletes expired pictures, each batch in a transaction of its own. `delete_objects` deletes from the object store;
    it is None where none is configured."""

    def __init__(
        self,
        database: Database,
        delete_objects: Callable[[Sequence[bytes]], Awaitable[None]] | None,
        *,
        batch: int = BATCH_PICTURES,
    ) -> None:
        self._database = database
        self._delete_objects = delete_objects
        self._batch = batch

    async def apply(self, *, now: datetime | None = None, alone: bool = False) -> AsyncIterator[Expired]:
        """Delete expired pictures, device by device; `now` is by default the time of the database's clock. With `alone`
        it ends as soon as another process applies the rules. Raises `ObjectStoreNotConfigured` before a row is deleted
        whose object could not be."""
        async for rule, device_id, moment in self._devices_under_rules(now):
            count, size, is_last = 0, 0, False
            while not is_last:
                batch = await self._delete_batch(rule.collection, device_id, moment, alone=alone)
                if batch is None:
                    return
                count, size, is_last = count + batch.removed.pictures, size + batch.removed.size, batch.is_last
                if not is_last:
                    await anyio.sleep(PAUSE_SECONDS)
            if count:
                yield Expired(rule.collection, device_id, count, size)

    async def preview(self, *, now: datetime | None = None) -> AsyncIterator[Expired]:
        """What `apply` would delete at this moment."""
        async for rule, device_id, moment in self._devices_under_rules(now):
            async with self._database.reading() as session:
                found = await repository.count_expired(session, rule, device_id, cutoff(rule, moment))
            if found.pictures:
                yield Expired(rule.collection, device_id, found.pictures, found.size)

    async def _devices_under_rules(self, now: datetime | None) -> AsyncIterator[tuple[Rule, str, datetime]]:
        """Each device that may have expired pictures, with its rule and the moment that counts as now."""
        async with self._database.reading() as session:
            rules = await repository.rules(session)
            moment = now or (await repository.clock(session) if rules else datetime.now(UTC))
        for rule in rules:
            async for device_id in devices_under(self._database, rule, moment):
                yield rule, device_id, moment

    async def _delete_batch(self, collection: str, device_id: str, now: datetime, *, alone: bool) -> _Batch | None:
        """None if `alone` is wanted and another process is applying the rules."""
        async with self._database.writing() as session:
            if alone and not await try_lock(session, ADVISORY_LOCK):
                return None
            expired = await self._expired_ids(session, collection, device_id, now)
            removed = await remove(session, collection, device_id, expired) if expired else Removed(0, 0, [])
            if removed.object_keys and self._delete_objects is None:
                raise ObjectStoreNotConfigured
        if self._delete_objects is not None:
            await self._delete_objects(removed.object_keys)
        return _Batch(removed, is_last=not expired)

    async def _expired_ids(
        self, session: WriteSession, collection: str, device_id: str, now: datetime
    ) -> Sequence[int]:
        """A batch of pictures that the rule of this moment lets expire: by age first, so that these do not count among
        the bytes."""
        size = await repository.locked_bytes(session, collection, device_id)
        rule = await repository.rule_for(session, collection, device_id)
        if size is None or rule is None:
            return []
        before = cutoff(rule, now)
        if before is not None:
            found = await repository.received_before(session, collection, device_id, before, self._batch)
            if found:
                return found
        expired: list[int] = []
        if rule.max_bytes is not None and size > rule.max_bytes:
            for picture_id, picture_size in await repository.oldest(session, collection, device_id, self._batch):
                if size <= rule.max_bytes:
                    break
                expired.append(picture_id)
                size -= picture_size
        return expired


@asynccontextmanager
async def reading_until(database: Database, ends_at: float) -> AsyncIterator[WriteSession]:
    """A transaction to read in, as a time limit needs one. From `ends_at` on, by the clock of the event loop, its
    statements raise what `repository.was_out_of_time` knows."""
    async with database.writing() as session:
        await repository.limit_time(session, ends_at - anyio.current_time())
        yield session


async def devices_under(
    database: Database, rule: Rule, now: datetime, *, ends_at: float | None = None
) -> AsyncIterator[str]:
    """The ids of the devices that the rule is about and that may have pictures which it lets expire. The rule need not
    be one that is set. From `ends_at` on, by the clock of the event loop, it raises what `repository.was_out_of_time`
    knows."""
    after, more = "", True
    while more:
        async with database.reading() if ends_at is None else reading_until(database, ends_at) as session:
            found = await repository.candidates(session, rule, cutoff(rule, now), after, PAGE_DEVICES)
        for device_id in found:
            yield device_id
        more = len(found) == PAGE_DEVICES
        after = found[-1] if found else after


def cutoff(rule: Rule, now: datetime) -> datetime | None:
    """Pictures that were received before this time expire; None if the rule has no age."""
    if rule.max_age_seconds is None:
        return None
    try:
        return now - timedelta(seconds=rule.max_age_seconds)
    except OverflowError:
        return None  # before the year 1
