"""The rules of pictures, without HTTP and CoAP: the object store, deleting and counting, the memory of uploads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import cbor2
import pytest
from anyio import CapacityLimiter
from PIL import Image
from prometheus_client import CollectorRegistry
from sqlalchemy import event, select, text
from support import pictures as drawn
from support.collection_audit import KeptAudit
from support.databases import FreshDatabase

from core_collection_service.author import Author
from core_collection_service.devices.models import Device
from core_collection_service.orm import ANONYMOUS
from core_collection_service.pictures.delete.repository import remove
from core_collection_service.pictures.delete.service import Deletions
from core_collection_service.pictures.errors import AnotherPicture, NoSuchPicture
from core_collection_service.pictures.models import PictureKey
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.pictures.submit.metrics import SubmissionMetrics
from core_collection_service.pictures.submit.preparation import prepare_picture
from core_collection_service.pictures.submit.service import Submissions
from core_collection_service.pictures.submit.writer import PictureWriter
from core_collection_service.protocol.documents import Format
from lightbox_shared.anonymous_storage.service import AnonymousLimits, AnonymousStorage
from lightbox_shared.concurrency.memory_budget import SMALL_BYTES, UploadMemoryBudget
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from lightbox_shared.requests.file_sizes import FileSizes
from lightbox_shared.storage.blobs import ObjectStoreBlobs

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
LIMITS = PictureLimits(FileSizes(1_000_000, 1_000_000), max_pixels=1_000_000)
ADMIN = Author(7, "127.0.0.1")


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


class Parts(NamedTuple):
    """The parts of the service that keep and delete pictures."""

    database: Database
    storage: PictureStorage
    submissions: Submissions
    deletions: Deletions


@asynccontextmanager
async def opened(url: str, folder: Path | None = None) -> AsyncIterator[Parts]:
    """The service's own parts; with a folder, objects above 100 bytes are in it."""
    database = Database(url)
    large = ObjectStoreBlobs.at(folder.as_uri()) if folder else None
    try:
        async with PictureWriter(database).running() as writer:
            threads = CapacityLimiter(1)
            storage = PictureStorage(database, preparing=threads, reading=threads, large=large, row_limit=100)
            metrics = SubmissionMetrics(CollectorRegistry())
            anonymous = AnonymousStorage(database, ANONYMOUS, AnonymousLimits())
            submissions = Submissions(writer, storage, LIMITS, metrics, anonymous)
            yield Parts(database, storage, submissions, Deletions(database, storage, KeptAudit(), lambda: None))
    finally:
        await database.dispose()


def objects(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


async def test_the_bytes_come_back_from_the_row_and_from_outside(url: str, tmp_path: Path) -> None:
    data = drawn.png(64, 48)
    async with opened(url, tmp_path) as parts:
        kept = await parts.submissions.submit_picture(PictureKey("images", "12345", AT), data)
        assert len(objects(tmp_path)) == 1
        assert await parts.storage.original(kept.record) == data
        found = [await parts.storage.part(kept.record, start, 70) for start in (0, 5, len(data) - 9, len(data))]
        assert found == [data[:70], data[5:75], data[-9:], b""]
        chunks = parts.storage.chunks(kept.record, range(3, len(data)), as_stored=False)
        assert b"".join([chunk async for chunk in chunks]) == data[3:]
        async with parts.database.reading() as session:
            in_the_row = (await session.execute(text("SELECT data FROM pictures"))).scalar_one()
        assert in_the_row is None
    async with opened(url) as parts:
        again = await parts.submissions.submit_picture(PictureKey("images", "12345", AT + timedelta(seconds=1)), data)
        assert await parts.storage.original(again.record) == data


async def test_a_refused_picture_leaves_no_object(url: str, tmp_path: Path) -> None:
    data = drawn.png(64, 48)
    async with opened(url, tmp_path) as parts:
        kept = await parts.submissions.submit_picture(PictureKey("images", "12345", AT), data)
        assert not (await parts.submissions.submit_picture(PictureKey("images", "12345", AT), data)).created
        with pytest.raises(AnotherPicture):
            await parts.submissions.submit_picture(PictureKey("images", "12345", AT), drawn.png(32, 32))
        assert len(objects(tmp_path)) == 1
        # The same bytes of another device are another object, which stays when the first is deleted.
        other = await parts.submissions.submit_picture(PictureKey("images", "67890", AT), data)
        await parts.deletions.delete(kept.record.key, ADMIN)
        assert len(objects(tmp_path)) == 1
        assert await parts.storage.original(other.record) == data
        with pytest.raises(NoSuchPicture):
            await parts.storage.original(kept.record)


async def test_deleting_counts_the_device_anew(url: str) -> None:
    async with opened(url) as parts:
        sizes = []
        for number in range(3):
            kept = await parts.submissions.submit_picture(
                PictureKey("images", "12345", AT + timedelta(hours=number)), drawn.png(20 + number)
            )
            sizes.append(kept.record.size)

        async def device() -> tuple[int, int, datetime, datetime] | None:
            columns = Device.pictures, Device.bytes, Device.first_taken_at, Device.last_taken_at
            async with parts.database.reading() as session:
                found = (await session.execute(select(*columns))).one_or_none()
            return None if found is None else (found[0], found[1], found[2], found[3])

        assert await device() == (3, sum(sizes), AT, AT + timedelta(hours=2))
        await parts.deletions.delete(PictureKey("images", "12345", AT), ADMIN)
        assert await device() == (2, sum(sizes[1:]), AT + timedelta(hours=1), AT + timedelta(hours=2))
        with pytest.raises(NoSuchPicture):
            await parts.deletions.delete(PictureKey("images", "12345", AT), ADMIN)
        await parts.deletions.delete(PictureKey("images", "12345", AT + timedelta(hours=2)), ADMIN)
        assert await device() == (1, sizes[1], AT + timedelta(hours=1), AT + timedelta(hours=1))
        await parts.deletions.delete(PictureKey("images", "12345", AT + timedelta(hours=1)), ADMIN)
        assert await device() is None


async def test_without_a_device_nothing_is_deleted_or_counted(url: str) -> None:
    """A transaction that waited here while another deleted the last picture holds no lock, and a picture may be added
    at any moment."""
    statements: list[str] = []
    async with opened(url) as parts:
        event.listen(
            parts.database.engine.sync_engine, "before_cursor_execute", lambda *about: statements.append(str(about[2]))
        )
        async with parts.database.writing() as session:
            removed = await remove(session, "images", "12345", [1])
    assert (removed.pictures, removed.object_keys) == (0, [])
    assert [each.split(None, 1)[0] for each in statements] == ["SELECT"]


async def test_bitmaps_are_stored_smaller_and_compressed_formats_as_they_are() -> None:
    bitmap = prepare_picture("12345", AT, drawn.encoded(Image.new("L", (200, 200)), "BMP"), LIMITS)
    assert bitmap.stored.encoding == "zstd"
    assert len(bitmap.stored.data) < bitmap.size * 0.95
    data = drawn.png(64, 48)
    assert prepare_picture("12345", AT, data, LIMITS).stored == (data, None)


async def test_a_document_is_forgotten_before_its_picture_is_written(url: str) -> None:
    class Body(bytes):
        def __del__(self) -> None:
            events.append("forgotten")

    events: list[str] = []
    document = cbor2.dumps({"deviceId": "12345", "timestamp": AT.isoformat(), "imageData": drawn.png()})
    async with opened(url) as parts:
        await parts.submissions.submit_document(
            "images", Body(document), Format.CBOR, lambda _device: events.append("allowed")
        )
    assert events == ["forgotten", "allowed"]


def test_large_uploads_leave_room_for_small_ones() -> None:
    memory = UploadMemoryBudget(16 * SMALL_BYTES)
    with memory.reserve(13 * SMALL_BYTES) as large, memory.reserve() as another:
        large.grow(SMALL_BYTES)
        another.grow(SMALL_BYTES)
        with pytest.raises(Unavailable):  # then it would count as a large one
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


def test_uploads_hold_no_more_than_the_limit() -> None:
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


def test_uploads_of_one_address_leave_room_for_others() -> None:
    """Announced, growing or both; and one upload of the largest size always fits."""
    memory = UploadMemoryBudget(16 * SMALL_BYTES)
    with memory.reserve(8 * SMALL_BYTES, address="a") as first, memory.reserve(address="a") as second:
        for refused in (first, second):
            with pytest.raises(Unavailable):
                refused.grow(1)
        with pytest.raises(Unavailable):
            second.expect(1)
        with memory.reserve(SMALL_BYTES, address="b"), memory.reserve(SMALL_BYTES):
            assert memory.held == 10 * SMALL_BYTES
        first.release()
        second.grow(8 * SMALL_BYTES)
    assert memory.held == 0
    memory = UploadMemoryBudget(16 * SMALL_BYTES, 12 * SMALL_BYTES)
    with memory.reserve(12 * SMALL_BYTES, address="a") as largest, pytest.raises(Unavailable):
        largest.grow(1)
