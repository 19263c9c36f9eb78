"""Which pictures expire by the rules of retention, and which never do."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from sqlalchemy import func, select, text
from support.databases import FreshDatabase

from core_collection_service.pictures.delete.repository import remove
from core_collection_service.pictures.models import NewPicture, Picture
from core_collection_service.pictures.submit.writer import PictureWriter
from core_collection_service.retention import repository
from core_collection_service.retention.repository import EVERY_DEVICE, Rule
from core_collection_service.retention.schedule import scheduled_retention
from core_collection_service.retention.service import ADVISORY_LOCK, Expired, Retention
from lightbox_shared.database import Database, try_lock
from lightbox_shared.storage.blobs import ObjectStoreNotConfigured

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
NOW = datetime(2024, 9, 1, tzinfo=UTC)
DAY = 86_400


def picture(number: int, *, device: str = "12345", size: int = 100) -> NewPicture:
    return NewPicture(
        collection="images",
        device_id=device,
        taken_at=AT + timedelta(minutes=number),
        media_type="image/png",
        width=20,
        height=20,
        size=size,
        sha256=bytes(32),
        encoding=None,
        stored_size=size,
        data=b"picture",
        object_key=None,
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.dispose()


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


async def keep(database: Database, rows: Sequence[NewPicture], *, received: datetime = NOW) -> None:
    """Add pictures as if they had been received at that time."""
    async with PictureWriter(database).running() as writer, anyio.create_task_group() as group:
        for row in rows:
            group.start_soon(writer.write, row)
    moved = {"at": received, "taken": [row.taken_at for row in rows]}
    async with database.writing() as session:
        await session.execute(text("UPDATE pictures SET received_at = :at WHERE taken_at = ANY(:taken)"), moved)
        await session.execute(text("UPDATE devices SET first_seen_at = least(first_seen_at, :at)"), {"at": received})


async def rule(
    database: Database, device: str = EVERY_DEVICE, *, days: int | None = None, size: int | None = None
) -> None:
    async with database.writing() as session:
        await repository.put_rule(session, Rule("images", device, None if days is None else days * DAY, size))


async def left(database: Database, device: str = "12345") -> list[int]:
    """The numbers of the pictures that a device has; its summary has to agree with them."""
    statement = text("""
        SELECT array_agg(taken_at ORDER BY taken_at), count(*), sum(size),
               (SELECT sum(pictures) FROM devices WHERE device_id = :device),
               (SELECT sum(bytes) FROM devices WHERE device_id = :device)
          FROM pictures WHERE device_id = :device""")
    async with database.reading() as session:
        taken, count, size, summed_count, summed_size = (await session.execute(statement, {"device": device})).one()
    assert (count or None, size) == (summed_count, summed_size)
    return [(each - AT) // timedelta(minutes=1) for each in taken or ()]


async def applied_now(retention: Retention) -> list[Expired]:
    """What `apply` deleted, which has to be what `preview` announced."""
    announced = [each async for each in retention.preview(now=NOW)]
    done = [each async for each in retention.apply(now=NOW)]
    assert done == announced
    return done


async def test_without_a_rule_all_pictures_stay(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n) for n in range(3)], received=AT)
        assert await applied_now(Retention(database, None)) == []
        assert await left(database) == [0, 1, 2]


async def test_age_counts_from_the_reception_of_a_picture(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(1)], received=NOW - timedelta(days=7, microseconds=1))
        await keep(database, [picture(0)], received=NOW - timedelta(days=7))
        await keep(database, [picture(2)], received=NOW)
        await rule(database, days=7)
        assert await applied_now(Retention(database, None)) == [Expired("images", "12345", 1, 100)]
        assert await left(database) == [0, 2]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(500, [0, 1, 2, 3, 4]), (499, [1, 2, 3, 4]), (400, [1, 2, 3, 4]), (399, [2, 3, 4]), (100, [4]), (1, [4])],
)
async def test_the_newest_bytes_and_at_least_the_newest_picture_stay(url: str, limit: int, kept: list[int]) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n) for n in (3, 0, 4, 2, 1)])
        await rule(database, size=limit)
        await applied_now(Retention(database, None, batch=2))
        assert await left(database) == kept


async def test_a_large_old_picture_does_not_make_room_for_what_is_older(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(0, size=10), picture(1, size=1000), picture(2, size=100)])
        await rule(database, size=200)
        await applied_now(Retention(database, None))
        assert await left(database) == [2]


async def test_pictures_that_are_too_old_do_not_count_among_the_bytes(url: str) -> None:
    async with opened(url) as database:
        # The device's clock was wrong: the picture that was received first has the latest timestamp.
        await keep(database, [picture(9)], received=NOW - timedelta(days=30))
        await keep(database, [picture(n) for n in range(3)])
        await rule(database, days=7, size=300)
        await applied_now(Retention(database, None, batch=1))
        assert await left(database) == [0, 1, 2]


async def test_a_device_s_own_rule_replaces_the_default_one(url: str) -> None:
    async with opened(url) as database:
        devices = ("archive", "camera", "scanner")
        await keep(database, [picture(n, device=each) for each in devices for n in range(3)], received=AT)
        other = [replace(picture(n, device="camera"), collection="thermal") for n in range(2)]
        await keep(database, other, received=AT)
        await rule(database, size=100)
        await rule(database, "archive", days=36_500)
        await rule(database, "scanner", size=200)
        done = await applied_now(Retention(database, None))
        assert done == [Expired("images", "camera", 2, 200), Expired("images", "scanner", 1, 100)]
        assert await left(database, "archive") == [0, 1, 2]
        async with database.reading() as session:
            thermal = select(func.count()).select_from(Picture).where(Picture.collection == "thermal")
            assert await session.scalar(thermal) == 2


async def test_a_changed_rule_counts_from_the_next_batch(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n, device=each) for each in ("a", "b") for n in range(3)], received=AT)
        await rule(database, days=1)
        running = Retention(database, None).apply(now=NOW)
        assert await anext(running) == Expired("images", "a", 3, 300)
        await rule(database, "b", days=36_500)
        assert [each async for each in running] == []
        assert await left(database, "b") == [0, 1, 2]


async def test_uploads_during_a_deletion_are_kept(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n) for n in range(60)], received=AT)
        await rule(database, days=7)
        async with PictureWriter(database).running() as writer, anyio.create_task_group() as group:

            async def send(numbers: range) -> None:
                for number in numbers:
                    kept = await writer.write(picture(number))
                    assert kept.created

            async def clean() -> None:
                gone = [each async for each in Retention(database, None, batch=5).apply(now=NOW)]
                assert gone == [Expired("images", "12345", 60, 6000)]

            # Some of them have older timestamps than all that expire.
            group.start_soon(send, range(-30, 0))
            group.start_soon(send, range(100, 130))
            group.start_soon(clean)
        assert await left(database) == [*range(-30, 0), *range(100, 130)]


async def test_a_picture_that_is_deleted_meanwhile_makes_room_for_an_older_one(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n) for n in range(3)])
        await rule(database, size=200)
        gone: list[Expired] = []

        async def clean() -> None:
            gone.extend([each async for each in Retention(database, None).apply(now=NOW)])

        waiting = text("""
            SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()""")
        async with anyio.create_task_group() as group, database.writing() as session:
            newest = select(Picture.id).where(Picture.taken_at == AT + timedelta(minutes=2))
            await remove(session, "images", "12345", list(await session.scalars(newest)))
            group.start_soon(clean)
            with anyio.fail_after(10):
                async with database.reading() as other:
                    while not await other.scalar(waiting):  # noqa: ASYNC110 - PostgreSQL is on the other side
                        await anyio.sleep(0.01)
        assert gone == []
        assert await left(database) == [0, 1]


async def test_an_object_is_deleted_after_its_row_or_not_at_all(url: str) -> None:
    async with opened(url) as database:
        outside = replace(picture(0), data=None, object_key=b"k" * 32)
        await keep(database, [outside, picture(1)], received=AT)
        await rule(database, size=100)
        with pytest.raises(ObjectStoreNotConfigured):
            [each async for each in Retention(database, None).apply(now=NOW)]
        assert await left(database) == [0, 1]
        deleted: list[bytes] = []

        async def delete_objects(keys: Sequence[bytes]) -> None:
            if keys:
                assert await left(database) == [1]
            deleted.extend(keys)

        await applied_now(Retention(database, delete_objects))
        assert deleted == [b"k" * 32]


async def test_only_one_replica_applies_the_rules(url: str) -> None:
    async with opened(url) as database:
        await keep(database, [picture(n) for n in range(3)], received=AT)
        await rule(database, days=1)
        async with database.writing() as session:
            assert await try_lock(session, ADVISORY_LOCK)
            assert [each async for each in Retention(database, None).apply(alone=True)] == []
        assert await left(database) == [0, 1, 2]
        async with scheduled_retention(Retention(database, None), first_after=0):
            with anyio.fail_after(10):
                while await left(database):  # noqa: ASYNC110 - PostgreSQL is on the other side
                    await anyio.sleep(0.01)
