"""Tasks that are cancelled have ended before what they use is closed."""

import asyncio

import anyio
import pytest
from sqlalchemy import text

from lightbox_shared.concurrency.cancelling import cancel_and_wait
from lightbox_shared.database import Database


class Work:
    """Works for ever, and then tidies up, for which it waits several times."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.tidied_up = False

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(5):
                await asyncio.sleep(0.001)
            self.tidied_up = True

    async def started(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.run())
        await self.begun.wait()
        return task


async def test_the_tasks_have_ended() -> None:
    works = [Work() for _ in range(3)]
    await cancel_and_wait([await work.started() for work in works])
    assert all(work.tidied_up for work in works)


async def test_without_a_task_it_returns() -> None:
    await cancel_and_wait([])


async def test_a_task_that_has_failed_says_nothing() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await cancel_and_wait([task])


async def test_in_a_scope_that_is_cancelled() -> None:
    """Where the client of a request has left (`lightbox_shared.requests.disconnect`)."""
    work = Work()
    task = await work.started()
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await asyncio.sleep(1)
        finally:
            await cancel_and_wait([task])
    assert scope.cancelled_caught
    assert work.tidied_up


async def test_the_caller_is_cancelled_meanwhile() -> None:
    task = await Work().started()
    waiting = asyncio.create_task(cancel_and_wait([task]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert task.done()


@pytest.mark.parametrize("turns", [*range(20), 30, 50, 100, 200, 400])
async def test_no_connection_is_in_use_afterwards(database: Database, turns: int) -> None:
    """However far a transaction was when it was cancelled: while it connects, in a statement, at its end."""

    async def write() -> None:
        async with database.writing() as session:
            await session.execute(text("CREATE TABLE notes (id bigint)"))
            await session.execute(text("SELECT pg_sleep(0.001)"))

    task = asyncio.create_task(write())
    for _ in range(turns):
        await asyncio.sleep(0)
    await cancel_and_wait([task])
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # it is a QueuePool
