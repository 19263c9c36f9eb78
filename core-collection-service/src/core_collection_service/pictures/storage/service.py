"""The bytes of pictures: read whole, in part or in chunks, from their rows or from the object store."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.storage import repository
from core_collection_service.pictures.storage.chunks import decompressed_chunks, stored_chunks
from core_collection_service.pictures.storage.encodings import Encoded, decode
from core_collection_service.pictures.storage.repository import LARGEST_AT_ONCE, StoredBytes
from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import BlobMissing, LargeBlobStore

OBJECT_KEY_BYTES: Final = 32
QUICK_BYTES: Final = 128 * 1024
"""Work on so many bytes takes less time than to hand it to a thread and back."""

Result = TypeVar("Result")


class PictureStorage:
    """Reads the bytes of pictures, and puts those above `row_limit` into an object store if `large` is one. Safe to use
    from many tasks of one event loop.

    Large pictures are prepared in threads when they arrive, as many at once as `preparing` allows, and decompressed for
    readers in others, as `reading` allows, so that readers never keep uploads waiting. Each statement is a transaction
    of its own.
    """

    def __init__(
        self,
        database: Database,
        *,
        preparing: CapacityLimiter,
        reading: CapacityLimiter,
        large: LargeBlobStore | None,
        row_limit: int,
    ) -> None:
        self._database = database
        self._preparing = preparing
        self._reading = reading
        self._large = large
        self._row_limit = row_limit

    async def find_with_bytes(self, key: PictureKey) -> tuple[PictureRecord, Encoded | None]:
        """A picture and its stored bytes by one query; None in place of the bytes above `LARGEST_AT_ONCE`. Raises
        `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            found = await repository.find_with_bytes(statements, key)
        if found is None:
            raise NoSuchPicture
        record, where = found
        return record, None if record.stored_size > LARGEST_AT_ONCE else await self._encoded(record, where)

    async def stored(self, record: PictureRecord) -> Encoded:
        """The bytes as they are stored. Raises `NoSuchPicture` if the picture has been deleted."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_bytes(statements, record.id)
        if found is None:
            raise NoSuchPicture
        return await self._encoded(record, found)

    async def original(self, record: PictureRecord, stored: Encoded | None = None) -> bytes:
        """The bytes exactly as the device sent them; `stored` are the stored ones if they have been read already.
        Raises `NoSuchPicture` if the picture has been deleted."""
        stored = stored or await self.stored(record)
        if stored.encoding is None:
            return stored.data
        return await self._decompress(lambda: decode(stored, record.size), quick=record.size <= QUICK_BYTES)

    async def originals(self, records: Sequence[PictureRecord]) -> dict[int, bytes]:
        """The originals of many pictures by one query, by id, without those that have been deleted."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_bytes_of(statements, [record.id for record in records])
        there = [record for record in records if record.id in found]
        stored = [(record, await self._encoded(record, found[record.id])) for record in there]
        quick = sum(record.size for record in there if record.encoding is not None) <= QUICK_BYTES
        return await self._decompress(lambda: {each.id: decode(data, each.size) for each, data in stored}, quick=quick)

    async def part(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` bytes of the original from `start` on, fewer at its end. Only these are read unless it is stored
        compressed. Raises `NoSuchPicture` if the picture has been deleted."""
        if record.encoding is None:
            left = max(record.size - start, 0)
            return await self.stored_part(record, start, min(size, left)) if left else b""
        return (await self.original(record))[start : start + size]

    async def stored_part(self, record: PictureRecord, start: int, size: int) -> bytes:
        """`size` of the stored bytes from `start` on. Raises `NoSuchPicture` if the picture has been deleted."""
        async with self._database.autocommit() as statements:
            found = await repository.stored_part(statements, record.id, start, size)
        if found is None:
            raise NoSuchPicture
        if found.data is not None:
            return found.data
        large, key = self._object_of(record, found)
        return await large.part(key, start, size)

    def chunks(self, record: PictureRecord, wanted: range, *, as_stored: bool) -> AsyncIterator[bytes]:
        """The bytes at the positions `wanted`, of the stored ones or of the original, in chunks. The iterator raises
        `NoSuchPicture` if the picture is deleted meanwhile."""
        read = partial(self.stored_part, record)
        if as_stored or record.encoding is None:
            return stored_chunks(read, wanted.start, len(wanted))
        return decompressed_chunks(read, record.stored_size, record.size, wanted, self._reading)

    async def put_object(self, data: bytes) -> bytes | None:
        """Put bytes above `row_limit` into the object store, and return their key; None if they belong into the row.

        The key is random. Under their digest they could be another picture's too, and be deleted with that one.
        """
        if self._large is None or len(data) <= self._row_limit:
            return None
        key = secrets.token_bytes(OBJECT_KEY_BYTES)
        await self._large.put(key, data)
        return key

    async def delete_objects(self, keys: Sequence[bytes]) -> None:
        """Delete from the object store; to be called after the rows are gone for good."""
        if self._large is not None:
            for key in keys:
                await self._large.delete(key)

    async def prepare(self, work: Callable[[], Result], *, quick: bool) -> Result:
        """The result of `work` on a picture that arrives, which needs the processor: in place if it is `quick`, else in
        a thread."""
        return work() if quick else await to_thread.run_sync(work, limiter=self._preparing)

    async def _decompress(self, work: Callable[[], Result], *, quick: bool) -> Result:
        return work() if quick else await to_thread.run_sync(work, limiter=self._reading)

    async def _encoded(self, record: PictureRecord, where: StoredBytes) -> Encoded:
        if where.data is not None:
            return Encoded(where.data, record.encoding)
        large, key = self._object_of(record, where)
        return Encoded(await large.get(key), record.encoding)

    def _object_of(self, record: PictureRecord, where: StoredBytes) -> tuple[LargeBlobStore, bytes]:
        if self._large is None or where.object_key is None:
            raise BlobMissing(str(record.id))
        return self._large, where.object_key
