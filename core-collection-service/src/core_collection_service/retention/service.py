"""What the rules of retention let go.

A device's own rule replaces the default one of its collection. A picture goes when it was received longer ago than the
rule says (a device's clock may be wrong), and the oldest by timestamp go while a device has more bytes than it says;
the newest picture of a device stays then, however large it is. Each batch is a transaction that holds the row of its
device and reads the rule anew, so that neither an upload, nor a deletion, nor a change of the rule in between can cost
a picture that the rule keeps.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import anyio

from core_collection_service.pictures import repository as pictures
from core_collection_service.pictures.repository import Removed
from core_collection_service.retention import repository
from core_collection_service.retention.repository import Rule
from lightbox_shared.database import Database, WriteSession, try_lock

BATCH: Final = 200
DEVICES: Final = 500
"""How many are read at a time."""
PAUSE_SECONDS: Final = 0.02
"""Between two batches, so that uploads come first."""

_LOCK: Final = 0x636F_7265_0000_0001


class Cleaned(NamedTuple):
    """What was let go of one device."""

    collection: str
    device_id: str
    pictures: int
    size: int


@dataclass(frozen=True, slots=True)
class _Batch:
    removed: Removed
    is_last: bool


class ObjectsOutOfReach(RuntimeError):
    """Some of the pictures lie in an object store that is not configured here."""

    def __init__(self) -> None:
        super().__init__("Some pictures are in an object store: set LIGHTBOX_BLOB_STORE_URL as for the service.")


class Retention:
    """Applies the rules. `forget` deletes from the object store what is gone from the database; None: there is none."""

    def __init__(
        self, database: Database, forget: Callable[[Removed], Awaitable[None]] | None, *, batch: int = BATCH
    ) -> None:
        self._database = database
        self._forget = forget
        self._batch = batch

    async def apply(self, *, now: datetime | None = None, share: bool = False) -> AsyncIterator[Cleaned]:
        """Delete what the rules let go, device by device; `now` is by default the database's clock. With `share` it
        ends where another one is at it that shares. Raises `ObjectsOutOfReach` before anything is lost there."""
        async for rule, device_id, moment in self._concerned(now):
            count, size, is_last = 0, 0, False
            while not is_last:
                batch = await self._delete_some(rule.collection, device_id, moment, share=share)
                if batch is None:
                    return
                count, size, is_last = count + batch.removed.pictures, size + batch.removed.size, batch.is_last
                if not is_last:
                    await anyio.sleep(PAUSE_SECONDS)
            if count:
                yield Cleaned(rule.collection, device_id, count, size)

    async def preview(self, *, now: datetime | None = None) -> AsyncIterator[Cleaned]:
        """What `apply` would let go at this moment."""
        async for rule, device_id, moment in self._concerned(now):
            async with self._database.reading() as session:
                count, size = await repository.doomed(session, rule, device_id, _cutoff(rule, moment))
            if count:
                yield Cleaned(rule.collection, device_id, count, size)

    async def _concerned(self, now: datetime | None) -> AsyncIterator[tuple[Rule, str, datetime]]:
        async with self._database.reading() as session:
            rules = await repository.rules(session)
            moment = now or (await repository.clock(session) if rules else datetime.now(UTC))
        for rule in rules:
            after, more = "", True
            while more:
                async with self._database.reading() as session:
                    found = await repository.candidates(session, rule, _cutoff(rule, moment), after, DEVICES)
                for device_id in found:
                    yield rule, device_id, moment
                more = len(found) == DEVICES
                after = found[-1] if found else after

    async def _delete_some(self, collection: str, device_id: str, now: datetime, *, share: bool) -> _Batch | None:
        async with self._database.writing() as session:
            if share and not await try_lock(session, _LOCK):
                return None
            doomed = await self._doomed(session, collection, device_id, now)
            removed = await pictures.remove(session, collection, device_id, doomed) if doomed else Removed(0, 0, [])
            if removed.object_keys and self._forget is None:
                raise ObjectsOutOfReach
        if self._forget is not None:
            await self._forget(removed)
        return _Batch(removed, is_last=not doomed)

    async def _doomed(self, session: WriteSession, collection: str, device_id: str, now: datetime) -> list[int]:
        """Ids of a batch that the rule of this moment lets go; first those that are too old, so that they do not count
        among the bytes."""
        size = await repository.locked_bytes(session, collection, device_id)
        rule = await repository.rule_for(session, collection, device_id)
        if size is None or rule is None:
            return []
        cutoff = _cutoff(rule, now)
        if cutoff is not None:
            found = await repository.received_before(session, collection, device_id, cutoff, self._batch)
            if found:
                return list(found)
        doomed: list[int] = []
        if rule.max_bytes is not None and size > rule.max_bytes:
            for picture_id, picture_size in await repository.oldest(session, collection, device_id, self._batch):
                if size <= rule.max_bytes:
                    break
                doomed.append(picture_id)
                size -= picture_size
        return doomed


def _cutoff(rule: Rule, now: datetime) -> datetime | None:
    """Pictures that were received before it go; None: whatever their age."""
    if rule.max_age_seconds is None:
        return None
    try:
        return now - timedelta(seconds=rule.max_age_seconds)
    except OverflowError:
        return None  # before the year 1
