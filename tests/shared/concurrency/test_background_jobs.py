"""Jobs that outlive their requests: each is one process's at a time, and none is left behind."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Text, event, insert, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lightbox_shared.concurrency import background_jobs
from lightbox_shared.concurrency.background_jobs import QUEUED, RUNNING, BackgroundJob, JobRunner, Lost, Mine
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.database.orm import TableDefaults


class Base(TableDefaults, DeclarativeBase):
    """The tables of the test."""


class Wash(BackgroundJob, Base):
    __tablename__ = "washes"

    colour: Mapped[str] = mapped_column(Text)
    rinsed: Mapped[int] = mapped_column(server_default="0")


class Laundry:
    """A runner, and what it has begun; each job waits for `gate`."""

    def __init__(self, database: Database, **options: Any) -> None:
        self.database = database
        self.begun: list[int] = []
        self.ended: list[BaseException | None] = []
        self.under_way = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.runner = JobRunner(database, Wash, take=take, begin=self.begin, **options)

    async def begin(self, wash: Wash) -> None:
        self.begun.append(wash.id)
        error = await self.runner.carry_out(wash, self.work(), progress=lambda: {"rinsed": 7})
        self.ended.append(error)
        if error is None:
            async with self.database.writing() as session:
                await background_jobs.change(session, Wash, wash.mine, {"state": "done"})

    async def work(self) -> None:
        self.under_way += 1
        try:
            await self.gate.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.under_way -= 1


async def take(session: WriteSession, dead_after_seconds: float) -> Wash | None:
    return await background_jobs.take(session, Wash, dead_after_seconds)


@pytest.fixture
async def ready(database: Database) -> Database:
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return database


async def ask(database: Database, *colours: str) -> None:
    async with database.writing() as session:
        for colour in colours:
            await session.execute(insert(Wash).values(colour=colour))


async def washes(database: Database) -> list[tuple[str, int, int]]:
    """State, attempt and interruptions of all."""
    async with database.reading() as session:
        rows = await session.scalars(select(Wash).order_by(Wash.id))
        return [(row.state, row.attempt, row.interruptions) for row in rows]


async def silence(database: Database) -> None:
    """Let it be long ago that the processes were heard of."""
    async with database.writing() as session:
        await session.execute(text("UPDATE washes SET heartbeat_at = now() - interval '1 hour'"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the runner does it
            await asyncio.sleep(0.005)


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_oldest_that_is_due_is_taken_with_its_columns(ready: Database) -> None:
    await ask(ready, "white", "red", "red")
    async with ready.writing() as session:
        is_red = Wash.colour == "red"
        taken = await background_jobs.take(session, Wash, 30, is_due=is_red, columns={"rinsed": 1})
    assert taken is not None
    assert (taken.id, taken.colour, taken.rinsed, taken.mine) == (2, "red", 1, Mine(2, 1))
    assert await washes(ready) == [(QUEUED, 0, 0), (RUNNING, 1, 0), (QUEUED, 0, 0)]


async def test_a_job_of_a_silent_process_is_taken_and_lost_to_it(ready: Database) -> None:
    await ask(ready, "white")
    for attempt in (1, 2):
        async with ready.writing() as session:
            assert (await take(session, 30)) is not None
            assert (await take(session, 30)) is None  # its process may be alive
        assert await washes(ready) == [(RUNNING, attempt, attempt - 1)]
        await silence(ready)
    async with ready.writing() as session:
        assert not await background_jobs.go_on(session, Wash, Mine(1, 1))
        assert not await background_jobs.change(session, Wash, Mine(1, 1), {"state": "done"})
        assert await background_jobs.go_on(session, Wash, Mine(1, 2), rinsed=3)
        assert (await take(session, 30)) is None


async def test_jobs_run_side_by_side_within_a_bound(ready: Database) -> None:
    await ask(ready, *["white"] * 5)
    laundry = Laundry(ready, at_once=2)
    task = asyncio.create_task(laundry.runner.run())
    await until(lambda: laundry.under_way == 2)
    await asyncio.sleep(0.1)
    assert laundry.begun == [1, 2]
    laundry.gate.set()
    async with asyncio.timeout(30):
        while await washes(ready) != [("done", 1, 0)] * 5:  # noqa: ASYNC110 - the runner does it
            await asyncio.sleep(0.01)
    await stop(task)
    assert await washes(ready) == [("done", 1, 0)] * 5


async def test_a_runner_that_is_cancelled_gives_back_what_it_does(ready: Database) -> None:
    await ask(ready, "white", "red")
    laundry = Laundry(ready, at_once=2)
    task = asyncio.create_task(laundry.runner.run())
    await until(lambda: laundry.under_way == 2)
    await stop(task)
    assert laundry.under_way == 0
    assert await washes(ready) == [(QUEUED, 1, 0)] * 2


async def test_a_runner_that_is_cancelled_while_it_takes_a_job_gives_it_back(ready: Database) -> None:
    await ask(ready, "white")
    laundry = Laundry(ready)
    task = asyncio.create_task(laundry.runner.run())
    commits = 0

    def cancel(_connection: object) -> None:
        nonlocal commits
        commits += 1
        if commits == 1:
            task.cancel()

    event.listen(ready.engine.sync_engine, "commit", cancel)
    with suppress(asyncio.CancelledError):
        await task
    event.remove(ready.engine.sync_engine, "commit", cancel)
    assert (laundry.begun, commits) == ([], 2)  # it was taken, and given back
    assert await washes(ready) == [(QUEUED, 1, 0)]


async def test_a_job_that_is_lost_is_stopped(ready: Database) -> None:
    await ask(ready, "white")
    laundry = Laundry(ready, heartbeat_seconds=0.01)
    task = asyncio.create_task(laundry.runner.work())
    await until(lambda: laundry.under_way == 1)
    async with ready.writing() as session:
        await session.execute(text("UPDATE washes SET attempt = 2"))
    await until(lambda: laundry.under_way == 0)
    await task
    assert laundry.ended == [None]
    assert await washes(ready) == [(RUNNING, 2, 0)]


async def test_progress_is_told_while_the_work_goes_on(ready: Database) -> None:
    await ask(ready, "white")
    laundry = Laundry(ready, heartbeat_seconds=0.01)
    task = asyncio.create_task(laundry.runner.work())
    rinsed = 0
    async with asyncio.timeout(30):
        while rinsed != 7:
            async with ready.reading() as session:
                rinsed = await session.scalar(select(Wash.rinsed)) or 0
    laundry.gate.set()
    await task
    assert await washes(ready) == [("done", 1, 0)]


async def test_a_heartbeat_that_fails_ends_nothing(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work goes on, and is not left alone: its runner still waits for it."""
    beats = 0

    async def fail(*_arguments: object, **_columns: object) -> bool:
        nonlocal beats
        beats += 1
        raise ValueError("odd")

    await ask(ready, "white")
    laundry = Laundry(ready, heartbeat_seconds=0.01)
    monkeypatch.setattr(background_jobs, "go_on", fail)
    task = asyncio.create_task(laundry.runner.work())
    await until(lambda: beats > 1)
    assert (laundry.under_way, task.done()) == (1, False)
    laundry.gate.set()
    await task
    assert await washes(ready) == [("done", 1, 0)]


@pytest.mark.parametrize(("error", "is_told"), [(Lost(), False), (OSError(28, "full"), True)])
async def test_what_the_work_fails_with_is_told_unless_the_job_is_lost(
    ready: Database, error: Exception, is_told: bool
) -> None:
    await ask(ready, "white")
    laundry = Laundry(ready)
    laundry.error = error
    laundry.gate.set()
    await laundry.runner.work()
    assert laundry.ended == [error if is_told else None]


async def test_an_end_that_cannot_be_written_does_not_end_the_runner(ready: Database) -> None:
    async def begin(wash: Wash) -> None:
        begun.append(wash.id)
        if wash.id == 1:
            raise OSError(28, "full")

    begun: list[int] = []
    await ask(ready, "white", "red")
    runner = JobRunner(ready, Wash, take=take, begin=begin)
    task = asyncio.create_task(runner.run())
    await until(lambda: begun == [1, 2])
    await stop(task)
