"""What clients without a credential may store: exact when many requests run at once, and when processes die."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import MetaData, func, insert, select, text

from lightbox_shared.anonymous_storage import repository
from lightbox_shared.anonymous_storage.errors import AnonymousStorageFull, DailyQuotaReached, LargerThanTheQuota
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.anonymous_storage.service import ROW_BYTES, AnonymousLimits, AnonymousStorage, Reservation
from lightbox_shared.anonymous_storage.tables import AnonymousTables
from lightbox_shared.database import Database
from lightbox_shared.errors import LightboxError, Unavailable

METADATA = MetaData()
TABLES = AnonymousTables.of(METADATA)
HERE, THERE = "192.0.2.1", "192.0.2.2"
SIZE = 5000
COUNTED = SIZE + ROW_BYTES
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
async def ready(database: Database) -> Database:
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
        await connection.execute(insert(TABLES.total).values(id=1, pictures=0, bytes=0))
    return database


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()


def storage(database: Database, *, clock: Clock | None = None, **limits: Any) -> AnonymousStorage:
    """One replica."""
    return AnonymousStorage(database, TABLES, AnonymousLimits(**limits), clock=clock or Clock())


async def store(database: Database, own: AnonymousStorage, address: str = HERE, size: int = SIZE) -> Reservation:
    async with own.reserved(address, size) as room, database.writing() as session:
        await own.settle(session, room)
    return room


async def total(database: Database) -> Stored:
    async with database.reading() as session:
        return await storage(database).stored(session)


async def rows(database: Database, table: Any) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def at_once(database: Database, replicas: list[AnonymousStorage], addresses: list[str]) -> Counter[str]:
    """What came of uploads from these addresses at the same time, each at another replica."""
    outcomes: Counter[str] = Counter()

    async def one(own: AnonymousStorage, address: str) -> None:
        try:
            await store(database, own, address)
        except LightboxError as error:
            outcomes[error.code] += 1
        else:
            outcomes["stored"] += 1

    async with anyio.create_task_group() as tasks:
        for number, address in enumerate(addresses):
            tasks.start_soon(one, replicas[number % len(replicas)], address)
    return outcomes


async def test_an_address_stores_so_many_pictures_and_bytes_in_a_day(ready: Database) -> None:
    clock = Clock()
    by_number = storage(ready, clock=clock, pictures_per_day=2)
    for _ in range(2):
        await store(ready, by_number)
    with pytest.raises(
        DailyQuotaReached, match=r"at most 2 pictures are stored for one address in a day \(UTC\)"
    ) as no:
        await store(ready, by_number)
    assert no.value.headers == {"Retry-After": str(12 * 3600)}
    await store(ready, by_number, THERE)
    by_bytes = storage(ready, clock=clock, bytes_per_day=3 * COUNTED)
    await store(ready, by_bytes)
    with pytest.raises(DailyQuotaReached, match=f"{3 * COUNTED:,} bytes"):
        await store(ready, by_bytes, size=1)
    assert await total(ready) == Stored(4, 4 * COUNTED)
    clock.now = datetime(2026, 11, 28, 23, 59, 59, 500_000, tzinfo=UTC)
    with pytest.raises(DailyQuotaReached) as later:
        await store(ready, by_number)
    assert later.value.headers == {"Retry-After": "1"}
    clock.now += timedelta(seconds=1)  # another day
    await store(ready, by_number)


async def test_networks_count_as_one_client(ready: Database) -> None:
    own = storage(ready, pictures_per_day=1)
    await store(ready, own, "2001:db8:1:2::1")
    with pytest.raises(DailyQuotaReached):
        await store(ready, own, "2001:db8:1:2:ffff::9")
    await store(ready, own, "2001:db8:1:3::1")
    await store(ready, own, "::ffff:192.0.2.1")
    with pytest.raises(DailyQuotaReached):
        await store(ready, own, "192.0.2.1")


async def test_all_together_store_so_much(ready: Database) -> None:
    own = storage(ready, total_bytes=2 * COUNTED)
    for address in (HERE, THERE):
        await store(ready, own, address)
    with pytest.raises(AnonymousStorageFull) as full:
        await store(ready, own, "192.0.2.3", size=0)
    assert (full.value.status, full.value.code) == (507, "anonymous-storage-full")
    # Nothing was counted for the refused one.
    assert await rows(ready, TABLES.uploads) == 2
    async with ready.writing() as session:
        await own.subtract(session, Stored(1, COUNTED))
    await store(ready, own, "192.0.2.3")
    assert await total(ready) == Stored(2, 2 * COUNTED)


async def test_a_picture_beyond_the_quota_is_too_large(ready: Database) -> None:
    own = storage(ready, bytes_per_day=COUNTED)
    with pytest.raises(LargerThanTheQuota):
        await store(ready, own, size=SIZE + 1)
    await store(ready, own)


async def test_without_limits_everything_is_counted(ready: Database) -> None:
    own = storage(ready)
    for _ in range(3):
        await store(ready, own)
    assert await total(ready) == Stored(3, 3 * COUNTED)


@pytest.mark.parametrize(
    ("limits", "addresses", "outcomes"),
    [
        ({"pictures_per_day": 7}, 1, {"stored": 7, "anonymous-quota-reached": 43}),
        ({"bytes_per_day": 7 * COUNTED + 1}, 1, {"stored": 7, "anonymous-quota-reached": 43}),
        ({"total_bytes": 7 * COUNTED + 1}, 50, {"stored": 7, "anonymous-storage-full": 43}),
        ({"pictures_per_day": 3}, 10, {"stored": 30, "anonymous-quota-reached": 20}),
        ({"pictures_per_day": 3, "total_bytes": 11 * COUNTED}, 5, None),
    ],
    ids=["number", "bytes", "total", "ten addresses", "both"],
)
async def test_parallel_requests_do_not_exceed_a_limit(
    ready: Database, limits: dict[str, Any], addresses: int, outcomes: dict[str, int] | None
) -> None:
    replicas = [storage(ready, **limits) for _ in range(3)]
    found = await at_once(ready, replicas, [f"198.51.100.{number % addresses}" for number in range(50)])
    if outcomes is not None:
        assert found == outcomes
    else:
        assert found["stored"] == 11
    assert await total(ready) == Stored(found["stored"], found["stored"] * COUNTED)
    assert await rows(ready, TABLES.reservations) == 0


async def test_whoever_waits_for_another_sees_what_that_one_has_counted(ready: Database) -> None:
    """Statements that began at the same moment, and wait for the same row."""
    own = storage(ready, total_bytes=2 * COUNTED)
    await store(ready, own)
    outcomes: Counter[str] = Counter()

    async def upload(number: int) -> None:
        outcomes.update(await at_once(ready, [own], [f"198.51.100.{number}"]))

    async with anyio.create_task_group() as tasks, ready.writing() as session:
        await session.execute(text("SELECT FROM anonymous_total FOR UPDATE"))
        for number in range(6):
            tasks.start_soon(upload, number)
        await anyio.sleep(0.5)
        assert not outcomes
    assert outcomes == {"stored": 1, "anonymous-storage-full": 5}
    assert await total(ready) == Stored(2, 2 * COUNTED)


async def fail(database: Database, own: AnonymousStorage, error: Exception, *, when: str) -> None:
    """An upload that raises `error` before it is stored, in the transaction, or after the commit."""
    async with own.reserved(HERE, SIZE) as room:
        assert await total(database) == Stored(1, COUNTED)
        if when == "before":
            raise error
        async with database.writing() as session:
            await own.settle(session, room)
            if when == "inside":
                raise error
        raise error


@pytest.mark.parametrize("error", [RuntimeError("x"), Unavailable()], ids=["unexpected", "expected"])
@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("inside", 0), ("after", 1)])
async def test_what_fails_is_given_back(ready: Database, error: Exception, when: str, kept: int) -> None:
    own = storage(ready, pictures_per_day=1)
    with pytest.raises(type(error)):
        await fail(ready, own, error, when=when)
    assert await total(ready) == Stored(kept, kept * COUNTED)
    assert await rows(ready, TABLES.reservations) == 0
    assert await at_once(ready, [own], [HERE]) == {"anonymous-quota-reached" if kept else "stored": 1}


async def test_what_is_cancelled_is_given_back(ready: Database) -> None:
    own = storage(ready)
    with anyio.CancelScope() as scope:
        async with own.reserved(HERE, SIZE):
            scope.cancel()
            await anyio.sleep_forever()
    assert await total(ready) == Stored(0, 0)


async def test_room_of_a_process_that_died_is_given_back(ready: Database) -> None:
    own = storage(ready, pictures_per_day=2)
    client = b"c" * 16
    limits: dict[str, Any] = {"pictures_per_day": 2, "bytes_per_day": None, "total_bytes": None}
    async with ready.autocommit() as connection:
        found = await repository.reserve(connection, NOON.date(), client, COUNTED, **limits)
    assert found.reservation_id is not None
    room = Reservation(found.reservation_id, COUNTED)
    await own.tidy_up()
    assert await total(ready) == Stored(1, COUNTED)
    async with ready.writing() as session:
        await session.execute(text("UPDATE anonymous_reservations SET made_at = made_at - interval '61 minutes'"))
    await own.tidy_up()
    assert await total(ready) == Stored(0, 0)
    async with ready.writing() as session:
        with pytest.raises(Unavailable):  # if it was only slow, it stores nothing
            await own.settle(session, room)
    async with ready.reading() as session:
        left = await session.execute(select(TABLES.uploads.c.pictures, TABLES.uploads.c.bytes))
    assert tuple(left.one()) == (0, 0)  # of the address as well


async def test_addresses_are_not_kept(ready: Database) -> None:
    clock = Clock()
    own = storage(ready, clock=clock, pictures_per_day=1)
    await store(ready, own)
    async with ready.reading() as session:
        (client,) = (await session.scalars(select(TABLES.uploads.c.client))).all()
    assert len(client) == 16
    assert HERE.encode() not in client
    clock.now += timedelta(days=1)
    await store(ready, own)
    async with ready.reading() as session:
        clients = (await session.scalars(select(TABLES.uploads.c.client))).all()
    assert len(set(clients)) == 2  # another salt, so that days can't be connected
    await own.tidy_up()
    assert (await rows(ready, TABLES.uploads), await rows(ready, TABLES.salts)) == (1, 1)
    with pytest.raises(DailyQuotaReached):
        await store(ready, own)
    clock.now = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)
    await own.tidy_up()  # a replica whose clock is late may still count for the day before
    assert (await rows(ready, TABLES.uploads), await rows(ready, TABLES.salts)) == (1, 1)
    clock.now = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
    await own.tidy_up()
    assert (await rows(ready, TABLES.uploads), await rows(ready, TABLES.salts)) == (0, 0)
    assert await total(ready) == Stored(2, 2 * COUNTED)


async def test_more_bytes_of_a_stored_picture(ready: Database) -> None:
    own = storage(ready, total_bytes=2 * COUNTED)
    await store(ready, own)
    async with ready.writing() as session:
        assert await own.add(session, COUNTED)
        assert not await own.add(session, 1)
    assert await total(ready) == Stored(1, 2 * COUNTED)
