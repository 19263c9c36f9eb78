"""The rules of pictures, the same over HTTP and CoAP: what is kept, what is found, and what deleting means."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from prometheus_client import CollectorRegistry

from core_collection_service.pictures import repository
from core_collection_service.pictures.encodings import Encoded, decode
from core_collection_service.pictures.errors import AnotherPicture, NoSuchPicture
from core_collection_service.pictures.metrics import PictureMetrics
from core_collection_service.pictures.pieces import decoded_pieces, stored_pieces
from core_collection_service.pictures.repository import (
    LARGEST_AT_ONCE,
    Key,
    NewPicture,
    PictureRecord,
    Removed,
    StoredBytes,
)
from core_collection_service.pictures.submission import (
    QUICK_BYTES,
    Limits,
    Submission,
    is_quick,
    read_document,
    submission_of,
)
from core_collection_service.pictures.writer import Kept, PictureWriter
from core_collection_service.protocol.documents import Format
from lightbox_shared.blobs import BlobMissing, LargeBlobs
from lightbox_shared.database import Database, WriteSession

OBJECT_KEY_BYTES: Final = 32

T = TypeVar("T")


class Pictures:
    """Keeps pictures and gives them back. Safe to use from many tasks of one event loop."""

    def __init__(
        self,
        database: Database,
        writer: PictureWriter,
        *,
        limits: Limits,
        preparing: CapacityLimiter,
        large: LargeBlobs | None = None,
        row_limit: int,
        metrics: PictureMetrics | None = None,
        deleted: Callable[[], None] = lambda: None,
    ) -> None:
        """`deleted` is called when a deletion is durable, before anybody is told of it."""
        self.limits = limits
        self._database = database
        self._writer = writer
        self._preparing = preparing
        self._large = large
        self._row_limit = row_limit
        self._metrics = metrics or PictureMetrics(CollectorRegistry())
        self._deleted = deleted

    async def submit(self, collection: str, body: bytes, form: Format, allow: Callable[[str], None]) -> Kept:
        """Keep what a document says; `allow` gets the device's id and raises what speaks against it.

        Raises `BadRequest`, `PictureTooBig` and `AnotherPicture`, and what the database raises.
        """
        is_small = len(body) <= 2 * QUICK_BYTES
        sent = await self._prepared(partial(read_document, body, form, self.limits), here=is_small)
        del body  # the picture in it is a copy
        allow(sent.device_id)
        return await self.submit_bytes(collection, *sent)

    async def submit_bytes(self, collection: str, device_id: str, taken_at: datetime, data: bytes) -> Kept:
        """Keep a picture that came as it is. Raises the same."""
        submission = await self._prepared(
            lambda: submission_of(device_id, taken_at, data, self.limits), here=is_quick(data)
        )
        return await self.keep(collection, submission)

    async def keep(self, collection: str, submission: Submission) -> Kept:
        """Returns when the picture is durable: `created`, or there before with the same bytes. Raises
        `AnotherPicture`, and what the database raises."""
        stored, header = submission.stored, submission.header
        object_key = await self._put_outside(stored.data)
        kept: Kept | None = None
        try:
            kept = await self._writer.keep(
                NewPicture(
                    collection=collection,
                    device_id=submission.device_id,
                    taken_at=submission.taken_at,
                    media_type=header.media_type.value,
                    width=header.width,
                    height=header.height,
                    size=submission.size,
                    sha256=submission.sha256,
                    encoding=stored.encoding,
                    stored_size=len(stored.data),
                    data=stored.data if object_key is None else None,
                    object_key=object_key,
                )
            )
        finally:
            # Where it is not known whether the row was written, the object stays: better one too many than one missing.
            if object_key is not None and kept is not None and not kept.created:
                await self._delete_outside([object_key])
        if kept.record.sha256 != submission.sha256:
            self._metrics.conflict(collection)
            raise AnotherPicture
        self._metrics.kept(kept.record, created=kept.created)
        return kept

    async def find(self, key: Key) -> PictureRecord:
        """The picture of a device at an instant. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _there(await repository.find(statements, key))

    async def find_with_bytes(self, key: Key) -> tuple[PictureRecord, Encoded | None]:
        """The same with its bytes as they are stored, in one query; None for those of a large one."""
        async with self._database.autocommit() as statements:
            found = await repository.find_with_bytes(statements, key)
        if found is None:
            raise NoSuchPicture
        record, where = found
        return record, None if record.stored_size > LARGEST_AT_ONCE else await self._encoded(record, where)

    async def find_by_id(self, collection: str, picture_id: int) -> PictureRecord:
        """The picture with this id. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _there(await repository.find_by_id(statements, collection, picture_id))

    async def latest(self, collection: str, device_id: str) -> PictureRecord:
        """The picture of a device that was taken last. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _there(await repository.latest(statements, collection, device_id))

    async def stored(self, record: PictureRecord) -> Encoded:
        """The bytes as they are stored. Raises `NoSuchPicture` if the picture was deleted meanwhile."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_bytes(statements, record.id)
        if found is None:
            raise NoSuchPicture
        return await self._encoded(record, found)

    async def original(self, record: PictureRecord, stored: Encoded | None = None) -> bytes:
        """The bytes exactly as the device sent them; `stored` are those as they are stored, where they are at hand.
        Raises `NoSuchPicture`."""
        stored = stored or await self.stored(record)
        if stored.encoding is None:
            return stored.data
        return await self._prepared(lambda: decode(stored, record.size), here=record.size <= QUICK_BYTES)

    async def originals(self, records: Sequence[PictureRecord]) -> dict[int, bytes]:
        """The same of many pictures, by id, in one query; those that were deleted meanwhile are not in it."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_bytes_of(statements, [record.id for record in records])
        there = [record for record in records if record.id in found]
        stored = [(record, await self._encoded(record, found[record.id])) for record in there]
        quick = sum(record.size for record in there if record.encoding is not None) <= QUICK_BYTES
        return await self._prepared(lambda: {each.id: decode(data, each.size) for each, data in stored}, here=quick)

    async def part(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` of these bytes from `start` on, fewer at the end. Reads no more than these where they are stored as
        they were sent. Raises `NoSuchPicture`."""
        if record.encoding is None:
            left = max(record.size - start, 0)
            return await self.stored_part(record, start, min(size, left)) if left else b""
        return (await self.original(record))[start : start + size]

    async def stored_part(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` of the bytes as they are stored, from `start` on. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_part(statements, record.id, start, size)
        if found is None:
            raise NoSuchPicture
        if found.data is not None:
            return found.data
        large, key = self._outside(record, found)
        return await large.part(key, start, size)

    def pieces(self, record: PictureRecord, wanted: range, *, as_stored: bool) -> AsyncIterator[bytes]:
        """The bytes `wanted` of those as they are stored, or as they were sent, in pieces. A picture that is deleted
        meanwhile raises `NoSuchPicture`."""
        read = partial(self.stored_part, record)
        if as_stored or record.encoding is None:
            return stored_pieces(read, wanted.start, len(wanted))
        return decoded_pieces(read, record.stored_size, record.size, wanted, self._preparing)

    async def delete(self, key: Key) -> None:
        """Delete a picture for good. Raises `NoSuchPicture`."""
        async with self._database.writing() as session:
            removed = await self._removed(session, _there(await repository.find(session, key)))
        await self._forget(removed)

    async def delete_by_id(self, collection: str, picture_id: int) -> None:
        """The same for the picture with this id. Raises `NoSuchPicture`."""
        async with self._database.writing() as session:
            removed = await self._removed(session, _there(await repository.find_by_id(session, collection, picture_id)))
        await self._forget(removed)

    @staticmethod
    async def _removed(session: WriteSession, record: PictureRecord) -> Removed:
        removed = await repository.remove(session, record.collection, record.device_id, [record.id])
        if not removed.pictures:
            raise NoSuchPicture
        return removed

    async def _forget(self, removed: Removed) -> None:
        self._deleted()  # those of other processes are told by the database, and we are too, but not before we answer
        await self.forget_objects(removed)

    async def forget_objects(self, removed: Removed) -> None:
        """After a deletion is durable: what of it lies in the object store."""
        await self._delete_outside(removed.object_keys)

    async def _encoded(self, record: PictureRecord, where: StoredBytes) -> Encoded:
        if where.data is not None:
            return Encoded(where.data, record.encoding)
        large, key = self._outside(record, where)
        return Encoded(await large.get(key), record.encoding)

    def _outside(self, record: PictureRecord, where: StoredBytes) -> tuple[LargeBlobs, bytes]:
        if self._large is None or where.object_key is None:
            raise BlobMissing(str(record.id))
        return self._large, where.object_key

    async def _put_outside(self, data: bytes) -> bytes | None:
        """Objects have keys of their own: one that lay under its digest could be another service's too."""
        if self._large is None or len(data) <= self._row_limit:
            return None
        key = secrets.token_bytes(OBJECT_KEY_BYTES)
        await self._large.put(key, data)
        return key

    async def _delete_outside(self, keys: list[bytes]) -> None:
        if self._large is not None:
            for key in keys:
                await self._large.delete(key)

    async def _prepared(self, work: Callable[[], T], *, here: bool) -> T:
        """On the event loop what takes less time than handing it to a thread and back, in a thread all else."""
        if here:
            return work()
        return await to_thread.run_sync(work, limiter=self._preparing)


def _there(record: PictureRecord | None) -> PictureRecord:
    if record is None:
        raise NoSuchPicture
    return record
