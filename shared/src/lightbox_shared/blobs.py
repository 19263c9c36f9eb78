"""Uploaded bytes (blobs), stored unchanged under their SHA-256.

A blob up to a limit is stored in a row, in the same transaction as the record that refers to it, so that one commit and
one backup cover both. A larger one is stored in the object store, if one is configured, and its row only says that it
exists. The object is written first: its name is its digest, so that it may be written twice, or be left over by a
transaction that is rolled back.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, Self

import obstore
from obstore.store import ObjectStore, from_url
from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from lightbox_shared.database import ReadSession, WriteSession


class BlobMissing(RuntimeError):
    """A record refers to a blob that does not exist: the store was changed by hand or restored in part."""


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
        """Store a blob; returns when the object store has confirmed it."""
        await obstore.put_async(self._store, self._path(digest), data)

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

        Only for services that name their objects otherwise than by digests: equal bytes have the same digest and are
        stored once, so that other records may refer to them.
        """
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, self._path(digest))


class Blobs:
    """The blobs of a service: in rows of `table`, and above `row_limit` bytes in `large`, where that is given."""

    def __init__(self, table: Table, *, large: LargeBlobStore | None = None, row_limit: int) -> None:
        self._table = table
        self._large = large
        self._row_limit = row_limit

    async def put(self, session: WriteSession, data: bytes, digest: bytes | None = None) -> bytes:
        """Store `data` once, durably when the transaction commits, and return its SHA-256.

        `digest` is the SHA-256 where the caller knows it: for large data it is better computed in a thread.
        """
        digest = digest or sha256(data)
        row: Mapping[str, object] = {"sha256": digest, "size": len(data), "data": data}
        if self._large is not None and len(data) > self._row_limit:
            await self._large.put(digest, data)
            row = {**row, "data": None}
        await session.execute(insert(self._table).values(row).on_conflict_do_nothing(index_elements=["sha256"]))
        return digest

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
