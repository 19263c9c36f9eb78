"""The feed publishes every picture once and in order, from any process and over lost connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import text
from support.databases import FreshDatabase
from support.rows import fill, row

from core_collection_service.events.errors import SlowSubscriber
from core_collection_service.events.feed import REPLAYS, PictureFeed
from core_collection_service.events.subscription import QUEUE_PICTURES, REPLAYED_IDS, Subscription
from core_collection_service.pictures.models import NewPicture, PictureRecord
from core_collection_service.pictures.submit.repository import add
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

SECONDS = 20.0
LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.dispose()


@asynccontextmanager
async def feeding(database: Database) -> AsyncIterator[PictureFeed]:
    async with PictureFeed(database).running() as feed:
        await asyncio.wait_for(feed.listening.wait(), SECONDS)
        yield feed


async def keep(database: Database, *rows: NewPicture) -> list[PictureRecord]:
    async with database.autocommit() as connection:
        return sorted(await add(connection, rows), key=lambda each: each.id)


async def take(subscription: Subscription, count: int = 1) -> list[PictureRecord]:
    async with asyncio.timeout(SECONDS):
        return [await anext(subscription) for _ in range(count)]


async def test_pictures_are_published_as_they_are_added(database: Database) -> None:
    await keep(database, row(0))
    async with feeding(database) as feed, feed.subscribed("images") as pictures:
        first = await keep(database, row(1), row(2))
        assert await take(pictures, 2) == first
        await keep(database, row(1))  # it is there already
        assert await take_after(database, pictures) == []
    assert feed.subscriptions == 0


async def take_after(database: Database, pictures: Subscription) -> list[PictureRecord]:
    """The pictures that are waiting in a subscription; another one is added to find their end."""
    (last,) = await keep(database, row(99_999, device=pictures.topic.device_id or "last"))
    found: list[PictureRecord] = []
    while (record := (await take(pictures))[0]) != last:
        found.append(record)
    return found


async def test_replays_at_a_time_are_limited(database: Database) -> None:
    kept = await keep(database, row(1), row(2))
    async with feeding(database) as feed, AsyncExitStack() as stack:
        waiting = [await stack.enter_async_context(feed.subscribed("images", after=0)) for _ in range(3)]
        reading = feed.replaying
        holders = [object() for _ in range(REPLAYS)]
        for holder in holders:
            reading.acquire_on_behalf_of_nowait(holder)
        tasks = [asyncio.create_task(take(each, 2)) for each in waiting]
        async with asyncio.timeout(SECONDS):
            while reading.statistics().tasks_waiting < len(tasks):  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        for holder in holders:
            reading.release_on_behalf_of(holder)
        assert await asyncio.gather(*tasks) == [kept] * 3


async def test_a_topic_is_a_collection_or_a_device_there(database: Database) -> None:
    async with feeding(database) as feed, AsyncExitStack() as stack:
        images = await stack.enter_async_context(feed.subscribed("images"))
        thermal = await stack.enter_async_context(feed.subscribed("thermal"))
        one = await stack.enter_async_context(feed.subscribed("images", "one"))
        kept = await keep(
            database,
            row(1, device="one"),
            row(2, device="two"),
            row(3, device="one", collection="thermal"),
        )
        assert await take(images, 2) == [each for each in kept if each.collection == "images"]
        assert await take(thermal) == [each for each in kept if each.collection == "thermal"]
        assert await take(one) == [each for each in kept if (each.collection, each.device_id) == ("images", "one")]
        assert feed.subscriptions == 3


async def test_pictures_added_without_a_connection_are_published(database: Database) -> None:
    async with feeding(database) as feed, feed.subscribed("images") as pictures:
        async with database.autocommit() as connection:
            cut = await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
            )
            assert cut.scalars().all() == [True]
        kept = [(await keep(database, row(n)))[0] for n in range(50)]
        assert await take(pictures, 50) == kept
        async with asyncio.timeout(SECONDS):
            await feed.listening.wait()
            assert await take_after(database, pictures) == []


async def test_a_late_commit_is_published_before_greater_ids(database: Database) -> None:
    async with feeding(database) as feed, feed.subscribed("images") as pictures:
        async with database.engine.connect() as slow:
            (early,) = await add(slow, [row(1, device="slow")])
            (late,) = await keep(database, row(2))
            assert early.id < late.id
            waiting = asyncio.create_task(take(pictures, 2))
            await _until_it_waits(database)
            assert not waiting.done()
            await slow.commit()
        assert await waiting == [early, late]


async def _until_it_waits(database: Database) -> None:
    """Returns when the feed has looked for writers twice, so that it is waiting for one."""
    found = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query LIKE '%pg_locks%' AND pid <> pg_backend_pid() AND query_start > :since"
    )
    async with asyncio.timeout(SECONDS), database.autocommit() as connection:
        for _ in range(2):
            since = {"since": await connection.scalar(text("SELECT clock_timestamp()"))}
            while not await connection.scalar(found, since):  # noqa: ASYNC110 - the other side is PostgreSQL
                await asyncio.sleep(0.001)


async def test_ids_that_were_never_used_delay_nothing(database: Database) -> None:
    async with feeding(database) as feed, feed.subscribed("images") as pictures:
        first = await keep(database, row(1))
        await keep(database, row(1), row(1))  # which use ids up without adding rows
        second = await keep(database, row(2))
        assert second[0].id > first[0].id + 1
        assert await take(pictures, 2) == first + second


async def test_a_subscriber_that_returns_gets_what_it_missed_once(database: Database) -> None:
    async with feeding(database) as feed:
        kept = [(await keep(database, row(n, device=f"{n % 2}")))[0] for n in range(20)]
        async with (
            feed.subscribed("images", after=kept[4].id) as all_of_them,
            feed.subscribed("images", "1", after=kept[4].id) as of_one,
        ):
            kept += [(await keep(database, row(n, device=f"{n % 2}")))[0] for n in range(20, 40)]
            assert await take(all_of_them, 35) == kept[5:]
            assert await take(of_one, 18) == [each for each in kept[5:] if each.device_id == "1"]
            assert await take_after(database, all_of_them) == []


async def test_a_replay_goes_through_many_ids_while_pictures_come(database: Database) -> None:
    await fill(database, REPLAYED_IDS * 2 + 100, devices=3)
    async with feeding(database) as feed, feed.subscribed("images", after=0) as pictures:
        await keep(database, row(-1))
        found = await take(pictures, REPLAYED_IDS * 2 + 101)
    ids = [each.id for each in found]
    assert ids == sorted(set(ids))
    assert len(ids) == REPLAYED_IDS * 2 + 101


async def test_a_slow_subscriber_gets_an_error(database: Database) -> None:
    async with feeding(database) as feed, feed.subscribed("images") as slow, feed.subscribed("images", "x") as other:
        kept = await keep(database, *(row(n) for n in range(QUEUE_PICTURES + 1)))
        (marked,) = await keep(database, row(device="x"))
        assert await take(other) == [marked]
        assert await take(slow, QUEUE_PICTURES) == kept[:QUEUE_PICTURES]
        with pytest.raises(SlowSubscriber):
            await take(slow)
        async with feed.subscribed("images", after=kept[QUEUE_PICTURES - 1].id) as again:
            assert await take(again, 2) == [kept[QUEUE_PICTURES], marked]


async def test_an_id_from_the_future(database: Database) -> None:
    async with feeding(database) as feed, feed.subscribed("images", after=2**63 - 1) as pictures:
        kept = await keep(database, row(1))
        assert await take(pictures) == kept


async def test_the_end_of_the_feed_ends_subscriptions(database: Database) -> None:
    async with feeding(database) as feed:
        async with feed.subscribed("images") as pictures:
            feed.end()
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(pictures), SECONDS)
        with pytest.raises(Unavailable, match="stopping"):
            async with feed.subscribed("images"):
                pass
    async with database.reading() as session:
        assert await session.scalar(text(LISTENERS)) == 0
