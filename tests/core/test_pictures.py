"""The rules of pictures, below HTTP and CoAP: large ones outside, deleting and counting, the memory of uploads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cbor2
import pytest
from anyio import CapacityLimiter
from PIL import Image
from sqlalchemy import event, select, text
from support import pictures as drawn
from support.databases import FreshDatabase

from core_collection_service.devices.models import Device
from core_collection_service.pictures import repository
from core_collection_service.pictures.errors import AnotherPicture, NoSuchPicture
from core_collection_service.pictures.memory_budget import SMALL_BYTES, UploadMemoryBudget
from core_collection_service.pictures.repository import Key
from core_collection_service.pictures.service import Pictures
from core_collection_service.pictures.submission import Limits, submission_of
from core_collection_service.pictures.writer import PictureWriter
from core_collection_service.protocol.documents import Format
from lightbox_shared.blobs import ObjectStoreBlobs
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
LIMITS = Limits(max_bytes=1_000_000, max_pixels=1_000_000)


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


@asynccontextmanager
async def opened(url: str, folder: Path | None = None) -> AsyncIterator[tuple[Pictures, Database]]:
    """The service's own parts; with a folder, everything above 100 bytes lies there."""
    database = Database(url)
    large = ObjectStoreBlobs.at(folder.as_uri()) if folder else None
    try:
        async with PictureWriter(database).running() as writer:
            limiter = CapacityLimiter(1)
            yield Pictures(database, writer, limits=LIMITS, preparing=limiter, large=large, row_limit=100), database
    finally:
        await database.dispose()


def objects(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


async def test_the_bytes_come_back_from_the_row_and_from_outside(url: str, tmp_path: Path) -> None:
    data = drawn.png(64, 48)
    async with opened(url, tmp_path) as (pictures, database):
        kept = await pictures.submit_bytes("images", "12345", AT, data)
        assert len(objects(tmp_path)) == 1
        assert await pictures.original(kept.record) == data
        parts = [await pictures.part(kept.record, start, 70) for start in (0, 5, len(data) - 9, len(data))]
        assert parts == [data[:70], data[5:75], data[-9:], b""]
        pieces = pictures.pieces(kept.record, range(3, len(data)), as_stored=False)
        assert b"".join([piece async for piece in pieces]) == data[3:]
        async with database.reading() as session:
            in_the_row = (await session.execute(text("SELECT data FROM pictures"))).scalar_one()
        assert in_the_row is None
    async with opened(url) as (pictures, _):
        again = await pictures.submit_bytes("images", "12345", AT + timedelta(seconds=1), data)
        assert await pictures.original(again.record) == data


async def test_what_is_not_kept_leaves_nothing_outside(url: str, tmp_path: Path) -> None:
    data = drawn.png(64, 48)
    async with opened(url, tmp_path) as (pictures, _):
        kept = await pictures.submit_bytes("images", "12345", AT, data)
        assert not (await pictures.submit_bytes("images", "12345", AT, data)).created
        with pytest.raises(AnotherPicture):
            await pictures.submit_bytes("images", "12345", AT, drawn.png(32, 32))
        assert len(objects(tmp_path)) == 1
        # The same bytes of another device are an object of their own, and outlive the first.
        other = await pictures.submit_bytes("images", "67890", AT, data)
        await pictures.delete(kept.record.key)
        assert len(objects(tmp_path)) == 1
        assert await pictures.original(other.record) == data
        with pytest.raises(NoSuchPicture):
            await pictures.original(kept.record)


async def test_deleting_counts_the_device_anew(url: str) -> None:
    async with opened(url) as (pictures, database):
        sizes = []
        for number in range(3):
            kept = await pictures.submit_bytes("images", "12345", AT + timedelta(hours=number), drawn.png(20 + number))
            sizes.append(kept.record.size)

        async def device() -> tuple[int, int, datetime, datetime] | None:
            columns = Device.pictures, Device.bytes, Device.first_taken_at, Device.last_taken_at
            async with database.reading() as session:
                found = (await session.execute(select(*columns))).one_or_none()
            return None if found is None else (found[0], found[1], found[2], found[3])

        assert await device() == (3, sum(sizes), AT, AT + timedelta(hours=2))
        await pictures.delete(Key("images", "12345", AT))
        assert await device() == (2, sum(sizes[1:]), AT + timedelta(hours=1), AT + timedelta(hours=2))
        with pytest.raises(NoSuchPicture):
            await pictures.delete(Key("images", "12345", AT))
        await pictures.delete(Key("images", "12345", AT + timedelta(hours=2)))
        assert await device() == (1, sizes[1], AT + timedelta(hours=1), AT + timedelta(hours=1))
        await pictures.delete(Key("images", "12345", AT + timedelta(hours=1)))
        assert await device() is None


async def test_without_a_device_nothing_is_deleted_nor_counted(url: str) -> None:
    """Whoever waited here for the one who deleted the last picture holds no lock: a picture may come at any moment."""
    statements: list[str] = []
    async with opened(url) as (_, database):
        event.listen(
            database.engine.sync_engine, "before_cursor_execute", lambda *about: statements.append(str(about[2]))
        )
        async with database.writing() as session:
            removed = await repository.remove(session, "images", "12345", [1])
    assert (removed.pictures, removed.object_keys) == (0, [])
    assert [each.split(None, 1)[0] for each in statements] == ["SELECT"]


async def test_bitmaps_are_stored_smaller_and_compressed_formats_as_they_are() -> None:
    bitmap = submission_of("12345", AT, drawn.encoded(Image.new("L", (200, 200)), "BMP"), LIMITS)
    assert bitmap.stored.encoding == "zstd"
    assert len(bitmap.stored.data) < bitmap.size * 0.95
    data = drawn.png(64, 48)
    assert submission_of("12345", AT, data, LIMITS).stored == (data, None)


async def test_a_document_is_forgotten_before_its_picture_is_written(url: str) -> None:
    class Body(bytes):
        def __del__(self) -> None:
            events.append("forgotten")

    events: list[str] = []
    document = cbor2.dumps({"deviceId": "12345", "timestamp": AT.isoformat(), "imageData": drawn.png()})
    async with opened(url) as (pictures, _database):
        await pictures.submit("images", Body(document), Format.CBOR, lambda _device: events.append("allowed"))
    assert events == ["forgotten", "allowed"]


def test_large_uploads_leave_room_for_small_ones() -> None:
    memory = UploadMemoryBudget(16 * SMALL_BYTES)
    with memory.reserve(13 * SMALL_BYTES) as large, memory.reserve() as another:
        large.grow(SMALL_BYTES)
        another.grow(SMALL_BYTES)
        with pytest.raises(Unavailable):  # it would become a large one
            another.grow(1)
        assert memory.held == 15 * SMALL_BYTES
    assert memory.held == 0
    with memory.reserve(14 * SMALL_BYTES), memory.reserve() as announced, memory.reserve() as unknown:
        with pytest.raises(Unavailable):
            announced.expect(SMALL_BYTES + 1)
        unknown.expect(None)
        with pytest.raises(Unavailable):
            unknown.grow(1)
        with memory.reserve() as small:
            small.expect(SMALL_BYTES)
            small.grow(SMALL_BYTES)
    assert memory.held == 0
    with memory.reserve(14 * SMALL_BYTES):
        assert memory.held == 14 * SMALL_BYTES


def test_uploads_hold_no_more_than_they_may() -> None:
    memory = UploadMemoryBudget(100)
    with memory.reserve(60) as first:
        with pytest.raises(Unavailable) as refused, memory.reserve(50):
            pass
        assert refused.value.headers["Retry-After"] == "2"
        assert memory.held == 60
        first.grow(40)
        with pytest.raises(Unavailable):
            first.grow(1)
    assert memory.held == 0
    first.release()
    assert memory.held == 0
