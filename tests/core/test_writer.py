"""Group commit: each submission has the result of its own picture, and only when that is durable."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from anyio import wait_all_tasks_blocked
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from support.databases import FreshDatabase

from core_collection_service.devices.models import Device
from core_collection_service.pictures.models import NewPicture, Picture
from core_collection_service.pictures.repository import find
from core_collection_service.pictures.submit.repository import ADDED_CHANNEL
from core_collection_service.pictures.submit.writer import (
    BATCH_PICTURES,
    PictureWriter,
    Written,
    _BatchQueue,
    _Pending,
)
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)


def picture(number: int = 0, *, device: str = "12345", data: bytes = b"picture") -> NewPicture:
    return NewPicture(
        collection="images",
        device_id=device,
        taken_at=AT + timedelta(microseconds=number),
        media_type="image/png",
        width=20,
        height=20,
        size=len(data),
        sha256=data.ljust(32, b"."),
        encoding=None,
        stored_size=len(data),
        data=data,
        object_key=None,
    )


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[tuple[Database, PictureWriter]]:
    database = Database(url)
    try:
        async with PictureWriter(database).running() as writer:
            yield database, writer
    finally:
        await database.dispose()


async def test_pictures_of_many_are_kept_and_counted(url: str) -> None:
    rows = [picture(n, device=f"camera-{n % 7}") for n in range(3 * BATCH_PICTURES)]
    async with writing(url) as (database, writer):
        kept = await asyncio.gather(*map(writer.write, rows))
        assert all(each.created for each in kept)
        assert [each.record.key for each in kept] == [row.key for row in rows]
        async with database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(Picture)) == len(rows)
            counted = (await session.execute(select(Device.pictures, Device.bytes, Device.last_taken_at))).all()
    assert sum(pictures for pictures, _, _ in counted) == len(rows)
    assert sum(size for _, size, _ in counted) == sum(row.size for row in rows)
    assert max(last for _, _, last in counted) == rows[-1].taken_at


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
async def test_the_first_and_the_last_instant_are_instants(url: str, at: datetime) -> None:
    row = replace(picture(), taken_at=at)
    async with writing(url) as (database, writer):
        kept, again = await writer.write(row), await writer.write(row)
        assert (kept.created, again.created) == (True, False)
        assert kept.record.taken_at == at
        async with database.autocommit() as connection:
            found = await find(connection, row.key)
        async with database.reading() as session:
            device = (await session.execute(select(Device.first_taken_at, Device.last_taken_at))).one()
    assert found == kept.record
    assert tuple(device) == (at, at)


async def test_the_same_picture_sent_many_times_at_once_is_created_once(url: str) -> None:
    async with writing(url) as (database, writer):
        kept = await asyncio.gather(*(writer.write(picture()) for _ in range(20)))
        assert [each.created for each in kept].count(True) == 1
        assert len({each.record.id for each in kept}) == 1
        async with database.reading() as session:
            assert (await session.execute(select(Device.pictures))).scalar_one() == 1


async def test_of_different_pictures_with_one_key_the_first_stays(url: str) -> None:
    rows = [picture(data=f"picture {n}".encode()) for n in range(20)]
    async with writing(url) as (_, writer), writing(url) as (_, other):
        kept = await asyncio.gather(*((writer, other)[n % 2].write(row) for n, row in enumerate(rows)))
    (winner,) = {each.record.sha256 for each in kept}
    assert [row.sha256 for row, each in zip(rows, kept, strict=True) if each.created] == [winner]


async def test_no_picture_fails_because_of_another(url: str) -> None:
    """PostgreSQL refuses texts with NUL. Submissions with such a text are refused before they get here."""
    rows = [picture(1), replace(picture(2), device_id="a\0b"), picture(3)]
    async with writing(url) as (_, writer):
        # The first keeps the writers busy, so that the others are one batch.
        first = asyncio.gather(*(writer.write(picture(n, device="busy")) for n in range(8)))
        kept = await asyncio.gather(*map(writer.write, rows), return_exceptions=True)
        await first
    good, bad, also_good = kept
    assert isinstance(bad, DBAPIError)
    assert isinstance(good, Written) and isinstance(also_good, Written)  # noqa: PT018 - for the type checker
    assert good.created
    assert also_good.created


async def test_pictures_that_wait_at_the_end_are_refused(url: str) -> None:
    async with writing(url) as (_, writer):
        pass
    async with writing(url) as (_, writer):
        waiting = [asyncio.create_task(writer.write(picture(n))) for n in range(500)]
        await asyncio.sleep(0)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, (Written, Unavailable)) for each in results)
    assert any(isinstance(each, Unavailable) for each in results)


async def test_listeners_are_told_with_the_commit(url: str) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    async with writing(url) as (database, writer), database.autocommit() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.add_listener(ADDED_CHANNEL, lambda *arguments: told.put_nowait(str(arguments[3])))
        kept = await writer.write(picture())
        async with asyncio.timeout(10):
            assert await told.get() == str(kept.record.id)
        again = await writer.write(picture())
        another = await writer.write(picture(1))
        async with asyncio.timeout(10):
            assert await told.get() == str(another.record.id)
    assert not again.created


class StuckQueue(_BatchQueue):
    """Fails to write several pictures at once, and never ends to write a single one."""

    async def _write(self, batch: Sequence[_Pending]) -> None:
        if len(batch) > 1:
            raise ValueError("one of them is at fault")
        await asyncio.Event().wait()


async def test_pictures_that_are_tried_again_are_refused_when_the_service_stops() -> None:
    queue = StuckQueue(Database("postgresql:///unused"))
    async with queue.running("small pictures"):
        writes = [asyncio.create_task(queue.write(picture(number))) for number in range(3)]
        await wait_all_tasks_blocked()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(each) for each in results] == [Unavailable] * 3
