"""Transactions that change the gallery at the same time do not wait for each other."""

import anyio
from sqlalchemy import text
from support.imagehub import Hub

from imagehub_service.gallery import positions_repository as positions
from imagehub_service.gallery.groups import repository as groups

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def one_waits(hub: Hub) -> None:
    """Return when a transaction waits for a lock."""
    for _ in range(500):
        async with hub.database.reading() as session:
            if await session.scalar(WAITING):
                return
        await anyio.sleep(0.02)
    raise TimeoutError


async def test_groups_are_spread_while_others_lock_some_of_them(hub: Hub) -> None:
    first, second = [await hub.group() for _ in range(2)]
    async with hub.database.writing() as session:  # so that it is behind the other one, also in the table
        await positions.set_position(session, await groups.arranged(session), first, 2.5)

    async def spread() -> None:
        async with hub.database.writing() as session:
            await groups.lock_structure(session)
            await positions.renumber(session, await groups.arranged(session))

    async def lock_both() -> None:
        """As a deletion of pictures of both groups does it."""
        async with hub.database.writing() as session:
            await groups.lock(session, {first})
            tasks.start_soon(spread)
            await one_waits(hub)
            await groups.lock(session, {second})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lock_both)
    async with hub.database.reading() as reading:
        rows = await groups.arranged(reading)
        assert [await positions.position(reading, rows, each) for each in (second, first)] == [1.0, 2.0]
