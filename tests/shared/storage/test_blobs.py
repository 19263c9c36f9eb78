"""Bytes come back exactly, the same ones are kept once, and nothing is readable that was not committed."""

import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, delete, func, insert, select

from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import BlobMissing, Blobs, ObjectStoreBlobs, blob_table, sha256

METADATA = MetaData()
TABLE = blob_table(METADATA)
LIMIT = 1000
LARGE = os.urandom(1024 * 1024)


@pytest.fixture
async def ready(database: Database) -> Database:
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    return database


@pytest.fixture
def stored(tmp_path: Path) -> Blobs:
    """Blobs with an object store for what has more than `LIMIT` bytes."""
    return Blobs(TABLE, large=ObjectStoreBlobs.at(f"file://{tmp_path}/store"), row_limit=LIMIT)


def files(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "store"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def keep(database: Database, blobs: Blobs, data: bytes) -> bytes:
    async with database.writing() as session:
        return await blobs.put(session, data)


async def read(database: Database, blobs: Blobs, digest: bytes) -> bytes:
    async with database.reading() as session:
        return await blobs.get(session, digest)


async def one(database: Database, *columns: Any) -> tuple[Any, ...]:
    async with database.reading() as session:
        return tuple((await session.execute(select(*columns))).one())


@pytest.mark.parametrize("data", [b"", b"\0", bytes(range(256)), LARGE], ids=["none", "zero", "all", "1 MB"])
async def test_bytes_come_back_exactly(ready: Database, data: bytes) -> None:
    blobs = Blobs(TABLE, row_limit=LIMIT)
    digest = await keep(ready, blobs, data)
    assert digest == sha256(data)
    assert await read(ready, blobs, digest) == data
    assert await one(ready, TABLE.c.size) == (len(data),)


async def test_the_same_bytes_are_kept_once(ready: Database, stored: Blobs, tmp_path: Path) -> None:
    async with anyio.create_task_group() as tasks:
        for data in (b"small", LARGE) * 4:
            tasks.start_soon(keep, ready, stored, data)
    assert await one(ready, func.count(TABLE.c.sha256)) == (2,)
    assert len(await to_thread.run_sync(files, tmp_path)) == 1


async def test_above_the_limit_bytes_are_in_the_object_store(ready: Database, stored: Blobs, tmp_path: Path) -> None:
    at_limit, above = b"x" * LIMIT, b"x" * (LIMIT + 1)
    assert await read(ready, stored, await keep(ready, stored, at_limit)) == at_limit
    assert await to_thread.run_sync(files, tmp_path) == {}
    digest = await keep(ready, stored, above)
    assert await read(ready, stored, digest) == above
    name = digest.hex()
    assert await to_thread.run_sync(files, tmp_path) == {f"blobs/{name[:2]}/{name}": above}
    async with ready.reading() as session:
        row = (await session.execute(select(TABLE.c.size, TABLE.c.data).where(TABLE.c.sha256 == digest))).one()
    assert tuple(row) == (LIMIT + 1, None)


async def test_missing_bytes_are_missed(ready: Database, stored: Blobs, tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        await read(ready, stored, sha256(b"never"))
    digest = await keep(ready, stored, LARGE)
    with pytest.raises(BlobMissing):  # a service that was started without the store
        await read(ready, Blobs(TABLE, row_limit=LIMIT), digest)
    name = digest.hex()
    (tmp_path / "store" / "blobs" / name[:2] / name).unlink()
    with pytest.raises(BlobMissing, match=name):
        await read(ready, stored, digest)


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["row", "object"])
async def test_a_rollback_keeps_nothing_readable(ready: Database, stored: Blobs, data: bytes) -> None:
    async with ready.writing() as session:
        digest = await stored.put(session, data)
        assert await stored.get(session, digest) == data
        await session.rollback()
    with pytest.raises(BlobMissing):
        await read(ready, stored, sha256(data))
    assert await read(ready, stored, await keep(ready, stored, data)) == data


@pytest.mark.parametrize("data", [bytes(range(200)), LARGE], ids=["in the row", "in the object store"])
async def test_a_part_and_the_size(ready: Database, stored: Blobs, data: bytes) -> None:
    digest = await keep(ready, stored, data)
    async with ready.reading() as session:
        assert await stored.size(session, digest) == len(data)
        for wanted in (range(1), range(10, 20), range(len(data) - 3, len(data)), range(len(data))):
            assert await stored.part(session, digest, wanted) == data[wanted.start : wanted.stop]
        for call in (stored.size(session, sha256(b"x")), stored.part(session, sha256(b"x"), range(1))):
            with pytest.raises(BlobMissing):
                await call


async def test_a_part_of_what_the_store_has_lost(ready: Database, stored: Blobs) -> None:
    digest = await keep(ready, stored, LARGE)
    without = Blobs(TABLE, row_limit=LIMIT)
    async with ready.reading() as session:
        with pytest.raises(BlobMissing):
            await without.part(session, digest, range(1))


REFERRING = Table(
    "things",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("one", ForeignKey(TABLE.c.sha256)),
    Column("other", ForeignKey(TABLE.c.sha256)),
)
REFERENCES = (REFERRING.c.one, REFERRING.c.other)


async def refer(database: Database, **columns: bytes) -> None:
    async with database.writing() as session:
        await session.execute(insert(REFERRING).values(columns))


async def sweep(database: Database, blobs: Blobs, limit: int = 100) -> int:
    async with database.writing() as session:
        return (await blobs.delete_unused(session, REFERENCES, limit=limit)).blobs


async def test_what_nothing_refers_to_is_deleted(ready: Database, stored: Blobs, tmp_path: Path) -> None:
    used = [await keep(ready, stored, data) for data in (b"one", b"other", LARGE)]
    unused = [await keep(ready, stored, data) for data in (b"unused", LARGE + b"x")]
    await refer(ready, one=used[0], other=used[2])
    await refer(ready, other=used[1])
    assert await sweep(ready, stored) == 2
    assert await sweep(ready, stored) == 0
    for digest, data in zip(used, (b"one", b"other", LARGE), strict=True):
        assert await read(ready, stored, digest) == data
    for digest in unused:
        with pytest.raises(BlobMissing):
            await read(ready, stored, digest)
    assert list((await to_thread.run_sync(files, tmp_path)).values()) == [LARGE]


async def test_unused_blobs_are_deleted_in_batches(ready: Database, stored: Blobs) -> None:
    for number in range(7):
        await keep(ready, stored, str(number).encode())
    assert [await sweep(ready, stored, 3) for _ in range(4)] == [3, 3, 1, 0]


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["row", "object"])
@pytest.mark.parametrize("known", [False, True], ids=["new", "found to be there"])
async def test_a_blob_is_not_deleted_before_its_record_is_there(
    ready: Database, stored: Blobs, data: bytes, known: bool
) -> None:
    if known:
        await keep(ready, stored, data)
    async with ready.writing() as session:
        digest = await stored.put(session, data)
        assert await sweep(ready, stored) == 0
        await session.execute(insert(REFERRING).values(one=digest))
        assert await sweep(ready, stored) == 0
    assert await sweep(ready, stored) == 0
    assert await read(ready, stored, digest) == data


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["row", "object"])
async def test_what_is_stored_while_it_is_deleted_is_there(ready: Database, stored: Blobs, data: bytes) -> None:
    digest = await keep(ready, stored, data)
    done: list[str] = []

    async def again() -> None:
        async with ready.writing() as session:
            await stored.put(session, data)
            done.append("stored")
            await session.execute(insert(REFERRING).values(one=digest))

    async with anyio.create_task_group() as tasks, ready.writing() as session:
        assert await stored.delete_unused(session, REFERENCES, limit=9) == (1, len(data))
        tasks.start_soon(again)
        await anyio.sleep(0.2)
        done.append("deleted")
    assert done == ["deleted", "stored"]
    assert await read(ready, stored, digest) == data


async def test_an_object_that_is_stored_while_it_is_deleted_is_there(ready: Database, tmp_path: Path) -> None:
    """Whoever stores the same bytes writes the object after it was deleted, not before."""
    asked = anyio.Event()

    class Slow(ObjectStoreBlobs):
        async def delete(self, digest: bytes) -> None:
            asked.set()
            await anyio.sleep(0.3)
            await super().delete(digest)

    blobs = Blobs(TABLE, large=Slow.at(f"file://{tmp_path}/store"), row_limit=LIMIT)
    digest = await keep(ready, blobs, LARGE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sweep, ready, blobs)
        await asked.wait()
        async with ready.writing() as session:
            await blobs.put(session, LARGE)
            await session.execute(insert(REFERRING).values(one=digest))
    assert await read(ready, blobs, digest) == LARGE


async def test_a_store_that_fails_deletes_no_row(ready: Database, stored: Blobs) -> None:
    class Failing(ObjectStoreBlobs):
        async def delete(self, digest: bytes) -> None:
            raise ConnectionError(digest.hex())

    digest = await keep(ready, stored, LARGE)
    failing = Blobs(TABLE, large=Failing.at("memory:///"), row_limit=LIMIT)
    with pytest.raises(ConnectionError):
        await sweep(ready, failing)
    assert await read(ready, stored, digest) == LARGE


async def test_blobs_that_are_stored_and_deleted_at_once(ready: Database, stored: Blobs) -> None:
    """Every record has its bytes, and no transaction fails."""
    kinds = [b"a", b"b", LARGE, LARGE + b"x"]

    async def store(number: int) -> None:
        async with ready.writing() as session:
            digest = await stored.put(session, kinds[number % len(kinds)])
            if number % 3:
                await session.execute(insert(REFERRING).values(one=digest))
        if number % 3 == 1:
            async with ready.writing() as session:
                await session.execute(delete(REFERRING).where(REFERRING.c.one == digest))

    async def sweep_often() -> None:
        while True:
            await sweep(ready, stored)

    async with anyio.create_task_group() as sweeping:
        sweeping.start_soon(sweep_often)
        for _ in range(10):
            async with anyio.create_task_group() as tasks:
                for number in range(8):
                    tasks.start_soon(store, number)
        sweeping.cancel_scope.cancel()
    async with ready.reading() as session:
        referred = set((await session.scalars(select(REFERRING.c.one))).all())
    for digest in referred:
        assert sha256(await read(ready, stored, digest)) == digest
