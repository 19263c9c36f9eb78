"""Bytes that people entrust to us, kept exactly, keyed by their SHA-256.

Up to a limit a blob lives in a row, in the transaction of whatever refers to it: one commit, one backup. Above it,
where an object store is configured, the row only says where it is; the object is written first, and since its name
is its content, writing it twice or leaving it behind after a rollback harms nobody.
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
    """A record refers to bytes that are not there: the store was tampered with or restored in part."""


def sha256(data: bytes) -> bytes:
    """The name of a blob: 32 bytes."""
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


class LargeBlobs(Protocol):
    """Where blobs above the row limit go."""

    async def put(self, digest: bytes, data: bytes) -> None: ...

    async def get(self, digest: bytes) -> bytes: ...

    async def part(self, digest: bytes, start: int, size: int) -> bytes: ...

    async def delete(self, digest: bytes) -> None: ...


class ObjectStoreBlobs:
    """An object store through obstore: S3, GCS, Azure or a folder."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str) -> Self:
        """The store at an address; credentials come from the usual environment variables of each provider."""
        options: dict[str, Any] = {"mkdir": True} if url.startswith("file:") else {}
        return cls(from_url(url, **options))

    @staticmethod
    def _path(digest: bytes) -> str:
        name = digest.hex()
        return f"blobs/{name[:2]}/{name}"

    async def put(self, digest: bytes, data: bytes) -> None:
        """Write; returns when the store says that it has it."""
        await obstore.put_async(self._store, self._path(digest), data)

    async def get(self, digest: bytes) -> bytes:
        """Read. Raises `BlobMissing`."""
        try:
            result = await obstore.get_async(self._store, self._path(digest))
        except FileNotFoundError as error:
            raise BlobMissing(digest.hex()) from error
        return bytes(await result.bytes_async())

    async def part(self, digest: bytes, start: int, size: int) -> bytes:
        """Read `size` bytes from `start` on. Raises `BlobMissing`."""
        try:
            return bytes(await obstore.get_range_async(self._store, self._path(digest), start=start, length=size))
        except FileNotFoundError as error:
            raise BlobMissing(digest.hex()) from error

    async def delete(self, digest: bytes) -> None:
        """Delete; what is not there needs no deleting. For those whose names are no digests: bytes that are kept once
        for several who sent them may be another's too."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, self._path(digest))


class Blobs:
    """A service's blobs: rows, and above `row_limit` bytes the object store, if there is one."""

    def __init__(self, table: Table, *, large: LargeBlobs | None = None, row_limit: int) -> None:
        self._table = table
        self._large = large
        self._row_limit = row_limit

    async def put(self, session: WriteSession, data: bytes, digest: bytes | None = None) -> bytes:
        """Keep `data`, durable when the transaction commits; returns its SHA-256, which may be given where it is known
        (a large one takes long enough to be made in a thread). The same bytes are kept once."""
        digest = digest or sha256(data)
        row: Mapping[str, object] = {"sha256": digest, "size": len(data), "data": data}
        if self._large is not None and len(data) > self._row_limit:
            await self._large.put(digest, data)
            row = {**row, "data": None}
        await session.execute(insert(self._table).values(row).on_conflict_do_nothing(index_elements=["sha256"]))
        return digest

    async def get(self, session: ReadSession | WriteSession, digest: bytes) -> bytes:
        """The bytes exactly as they came. Raises `BlobMissing`."""
        found = (await session.execute(select(self._table.c.data).where(self._table.c.sha256 == digest))).one_or_none()
        if found is None:
            raise BlobMissing(digest.hex())
        data: bytes | None = found[0]
        if data is not None:
            return data
        if self._large is None:
            raise BlobMissing(digest.hex())
        return await self._large.get(digest)
