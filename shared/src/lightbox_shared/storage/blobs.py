"""Uploaded bytes (blobs), stored unchanged under their SHA-256.

A blob up to a limit is stored in a row, in the same transaction as the record that refers to it, so that one commit and
one backup cover both. A larger one is stored in the object store, if one is configured, and its row only says that it
exists. The object is written before that commit: its name is its digest, so that it may be written twice, or be left
over by a transaction that is rolled back.

The row of a blob is locked from the moment in which it is stored, or found to be there, to the end of the transaction.
So the blob can't be deleted as unused before the record that refers to it is there.
"""

import errno
import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, Self

import obstore
from obstore.exceptions import GenericError
from obstore.store import ObjectStore, from_url
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    and_,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from lightbox_shared.config import Settings
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors.disk_full import DiskFull

_NO_ROOM: Final = re.compile(rf"\(os error (?:{errno.ENOSPC}|{errno.EDQUOT})\)")
"""How obstore names the errors of the operating system; it has no exception for them."""


class BlobMissing(RuntimeError):
    """A record refers to a blob that does not exist: the store was changed by hand or restored in part."""


class ObjectStoreNotConfigured(RuntimeError):
    """Blobs that are to be deleted are in an object store, and none is configured here."""

    def __init__(self) -> None:
        super().__init__("Some blobs are in an object store: set LIGHTBOX_BLOB_STORE_URL as for the service.")


def sha256(data: bytes) -> bytes:
    """The SHA-256 digest of `data` (32 bytes), which is the name of a blob."""
    return hashlib.sha256(data).digest()


def blob_table(metadata: MetaData) -> Table:
    """The table of a service's blobs; `data` is NULL where the bytes are in the object store."""
    return Table(
        "blobs",
        metadata,
        Column("sha256", LargeBinary, primary_key=True),
        Column("size", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=True),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


class LargeBlobStore(Protocol):
    """A store for blobs that are too large for a row.

    `put` returns when the store has the bytes durably; `get` and `part` raise `BlobMissing`; `delete` accepts the
    digest of a blob that does not exist.
    """

    async def put(self, digest: bytes, data: bytes) -> None: ...

    async def get(self, digest: bytes) -> bytes: ...

    async def part(self, digest: bytes, start: int, size: int) -> bytes: ...

    async def delete(self, digest: bytes) -> None: ...


class ObjectStoreBlobs:
    """Blobs in an object store that obstore supports: S3, GCS, Azure, or a folder of the file system."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> Self:
        """The store at a URL such as `s3://bucket`. Credentials come from the provider's own environment variables."""
        options: dict[str, Any] = {"mkdir": True} if url.startswith("file:") else {}
        return cls(from_url(url, **options))

    @staticmethod
    def _path(digest: bytes) -> str:
        name = digest.hex()
        return f"blobs/{name[:2]}/{name}"

    async def put(self, digest: bytes, data: bytes) -> None:
        """Store a blob; returns when the object store has confirmed it. Raises `DiskFull`."""
        try:
            await obstore.put_async(self._store, self._path(digest), data)
        except GenericError as error:
            if _NO_ROOM.search(str(error)):
                raise DiskFull from error
            raise

    async def get(self, digest: bytes) -> bytes:
        """The bytes of a blob. Raises `BlobMissing`."""
        try:
            result = await obstore.get_async(self._store, self._path(digest))
        except FileNotFoundError as error:
            raise BlobMissing(digest.hex()) from error
        return bytes(await result.bytes_async())

    async def part(self, digest: bytes, start: int, size: int) -> bytes:
        """`size` bytes of a blob from the offset `start` on. Raises `BlobMissing`."""
        try:
            return bytes(await obstore.get_range_async(self._store, self._path(digest), start=start, length=size))
        except FileNotFoundError as error:
            raise BlobMissing(digest.hex()) from error

    async def delete(self, digest: bytes) -> None:
        """Delete a blob, if it exists.

        Equal bytes have the same digest and are stored once, so that other records may refer to them: unless a service
        names its objects otherwise than by digests, only `Blobs.delete_unused` may call this.
        """
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, self._path(digest))


class DeletedBlobs(NamedTuple):
    """How many blobs were deleted."""

    blobs: int
    bytes: int


class BlobUsage(NamedTuple):
    """How many blobs a service has, and how many of them nothing refers to."""

    blobs: int
    bytes: int
    unused: int
    unused_bytes: int


class Blobs:
    """The blobs of a service: in rows of `table`, and above `row_limit` bytes in `large`, where that is given."""

    def __init__(self, table: Table, *, large: LargeBlobStore | None = None, row_limit: int) -> None:
        self._table = table
        self._large = large
        self._row_limit = row_limit

    @classmethod
    def configured(cls, table: Table, settings: Settings) -> Self:
        """The blobs in `table`, and in the object store of these settings."""
        url = settings.blob_store_url
        return cls(table, large=ObjectStoreBlobs.at(url) if url else None, row_limit=settings.blob_row_limit)

    async def put(self, session: WriteSession, data: bytes, digest: bytes | None = None) -> bytes:
        """Store `data` once, durably when the transaction commits, and return its SHA-256.

        `digest` is the SHA-256 where the caller knows it: for large data it is better computed in a thread.
        """
        digest = digest or sha256(data)
        large = self._large if len(data) > self._row_limit else None
        row: Mapping[str, object] = {"sha256": digest, "size": len(data), "data": data if large is None else None}
        key = self._table.c.sha256
        added = insert(self._table).values(row).on_conflict_do_nothing(index_elements=[key]).returning(key)
        # Between the two statements the blob may be deleted as unused; then the first one succeeds the next time.
        while await session.scalar(added) is None and not await self.lock(session, digest):
            pass
        if large is not None:
            await large.put(digest, data)  # when the row is locked, so that it is not deleted at the same time
        return digest

    async def put_missing(self, session: WriteSession, blobs: Mapping[bytes, bytes]) -> None:
        """Store blobs by their digests, as `put` does. The bytes of those that exist are not sent to the database, and
        they can't be deleted before the transaction ends."""
        found = select(self._table.c.sha256).where(self._table.c.sha256.in_(sorted(blobs)))
        existing = set(
            await session.scalars(found.order_by(self._table.c.sha256).with_for_update(key_share=True, read=True))
        )
        for digest in sorted(blobs.keys() - existing):  # in one order, so that two transactions can't block each other
            await self.put(session, blobs[digest], digest)

    async def lock(self, session: WriteSession, digest: bytes) -> bool:
        """Whether there is a blob. If so, it can't be deleted before the transaction ends."""
        key = self._table.c.sha256
        found = select(key).where(key == digest).with_for_update(read=True, key_share=True)
        return await session.scalar(found) is not None

    async def get(self, session: ReadSession | WriteSession, digest: bytes) -> bytes:
        """The bytes of a blob, exactly as they were stored. Raises `BlobMissing`."""
        found = (await session.execute(select(self._table.c.data).where(self._table.c.sha256 == digest))).one_or_none()
        if found is None:
            raise BlobMissing(digest.hex())
        data: bytes | None = found[0]
        if data is not None:
            return data
        if self._large is None:
            raise BlobMissing(digest.hex())
        return await self._large.get(digest)

    async def size(self, session: ReadSession | WriteSession, digest: bytes) -> int:
        """The number of bytes of a blob. Raises `BlobMissing`."""
        found: int | None = await session.scalar(select(self._table.c.size).where(self._table.c.sha256 == digest))
        if found is None:
            raise BlobMissing(digest.hex())
        return found

    async def part(self, session: ReadSession | WriteSession, digest: bytes, wanted: range) -> bytes:
        """The bytes of a blob at the positions `wanted`, fewer at its end. Raises `BlobMissing`."""
        data = func.substring(self._table.c.data, wanted.start + 1, len(wanted))
        found = (await session.execute(select(data).where(self._table.c.sha256 == digest))).one_or_none()
        if found is None:
            raise BlobMissing(digest.hex())
        part: bytes | None = found[0]
        if part is not None:
            return part
        if self._large is None:
            raise BlobMissing(digest.hex())
        return await self._large.part(digest, wanted.start, len(wanted))

    async def delete_unused(
        self, session: WriteSession, references: Sequence[ColumnElement[Any]], *, limit: int
    ) -> DeletedBlobs:
        """Delete up to `limit` blobs to which none of the columns `references` refers.

        Each of the columns needs a foreign key to the table, and an index. Blobs that another transaction is storing or
        deleting are left out. Objects of the object store are deleted before the commit, while the row is locked:
        whoever stores the same bytes meanwhile waits, and writes the object again. Raises `ObjectStoreNotConfigured` if
        there is such an object, and no store.
        """
        table, unused = self._table, self._unused(references)
        found = select(table.c.sha256).where(unused).limit(limit).with_for_update(skip_locked=True)
        locked = (await session.scalars(found)).all()
        if not locked:
            return DeletedBlobs(0, 0)
        # A transaction may have referred to a blob and ended before it was locked here. Only this statement sees that.
        statement = delete(table).where(table.c.sha256.in_(locked), unused)
        deleted = (
            await session.execute(statement.returning(table.c.sha256, table.c.size, table.c.data.is_(None)))
        ).all()
        for digest, size, is_object in deleted:
            if self._large is None:
                if is_object:
                    raise ObjectStoreNotConfigured
            elif is_object or size > self._row_limit:
                await self._large.delete(digest)
        return DeletedBlobs(len(deleted), sum(size for _, size, _ in deleted))

    async def usage(self, session: ReadSession, references: Sequence[ColumnElement[Any]]) -> BlobUsage:
        """How many blobs there are, and how many of them `delete_unused` would delete. Reads the rows of all, without
        their bytes."""
        size, unused = self._table.c.size, self._unused(references)
        counted = select(
            func.count(),
            func.coalesce(func.sum(size), 0),
            func.count().filter(unused),
            func.coalesce(func.sum(size).filter(unused), 0),
        ).select_from(self._table)
        return BlobUsage(*map(int, (await session.execute(counted)).one()))

    def _unused(self, references: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
        """The condition that none of these columns refers to a blob."""
        key = self._table.c.sha256
        return and_(*(~select(each).where(each == key).correlate(self._table).exists() for each in references))
