"""Jobs that outlive their requests: rows of a table that wait, are taken by one process of the service, and end.

A job belongs to the process that took it last. That says every few seconds that it is alive; when it is silent for
long, another process takes the job. The number of the attempt is part of each statement by which a process goes on, so
that one which was thought dead, and is not, changes nothing any more. A process that ends in good order gives its jobs
back at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar

import structlog
from sqlalchemy import ColumnElement, Integer, SmallInteger, Text, case, func, select, true, update
from sqlalchemy.orm import Mapped, mapped_column

from lightbox_shared.concurrency.cancelling import cancel_and_wait
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.database.orm import PrimaryKey

log = structlog.get_logger()

POLL_SECONDS: Final = 1.0
"""The pause between two looks for jobs that other replicas were asked for, or that were given up by others."""
HEARTBEAT_SECONDS: Final = 5.0
DEAD_AFTER_SECONDS: Final = 30.0
MAX_INTERRUPTIONS: Final = 3
"""When so many processes in a row have ended over a job, it may be what ends them."""
QUEUED: Final = "queued"
RUNNING: Final = "running"


class Mine(NamedTuple):
    """A job that this process has taken."""

    id: int
    attempt: int


class Lost(Exception):
    """The job is not this process's any more: it was deleted or ended, or another process has taken it."""


class BackgroundJob:
    """The columns of every table of jobs; a mixin."""

    __tablename__: str

    id: Mapped[PrimaryKey]
    state: Mapped[str] = mapped_column(Text, server_default=QUEUED)
    """`QUEUED`, `RUNNING`, or one of those in which a job ends."""
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    """Counts the processes that have taken it. What an earlier one still does has no effect."""
    interruptions: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How many of them in a row were not heard of any more."""
    heartbeat_at: Mapped[datetime | None]
    """When the process that works on it was last heard of."""
    finished_at: Mapped[datetime | None]

    @property
    def mine(self) -> Mine:
        """What the process that has just taken the job goes on with."""
        return Mine(self.id, self.attempt)


Job = TypeVar("Job", bound=BackgroundJob)


async def take(
    session: WriteSession,
    model: type[Job],
    dead_after_seconds: float,
    *,
    is_due: ColumnElement[bool] | None = None,
    columns: Mapping[str, object] | None = None,
) -> Job | None:
    """The oldest job that waits, and `is_due`, or whose process has not been heard of for so long; from now on it is
    the caller's, and begins with these further columns. None if there is nothing to do."""
    is_running = model.state == RUNNING
    is_silent = model.heartbeat_at < func.now() - timedelta(seconds=dead_after_seconds)
    is_waiting = (model.state == QUEUED) & (true() if is_due is None else is_due)
    chosen = (
        select(model.id)
        .where(model.state.in_((QUEUED, RUNNING)), is_waiting | (is_running & is_silent))  # the first is the index's
        .order_by(model.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = {
        **(columns or {}),
        "state": RUNNING,
        "attempt": model.attempt + 1,
        "interruptions": model.interruptions + case((is_running, 1), else_=0),
        "heartbeat_at": func.now(),
    }
    statement = update(model).where(model.id == chosen.scalar_subquery()).values(taken).returning(model)
    return (await session.execute(statement)).scalar_one_or_none()


async def change(session: WriteSession, model: type[BackgroundJob], mine: Mine, columns: Mapping[str, object]) -> bool:
    """Change the caller's job, which is locked until the end of the transaction; False if it is not the caller's any
    more."""
    is_mine = (model.id == mine.id, model.attempt == mine.attempt, model.state == RUNNING)
    statement = update(model).where(*is_mine).values(dict(columns)).returning(model.id)
    return (await session.execute(statement)).scalar() is not None


async def go_on(session: WriteSession, model: type[BackgroundJob], mine: Mine, **progress: object) -> bool:
    """Say that the caller is alive, and how far it is; False if the job is not the caller's any more."""
    return await change(session, model, mine, {**progress, "heartbeat_at": func.now()})


class JobRunner(Generic[Job]):
    """Takes the jobs of one table, and has them carried out beside the requests of its replica."""

    def __init__(
        self,
        database: Database,
        model: type[Job],
        *,
        take: Callable[[WriteSession, float], Awaitable[Job | None]],
        begin: Callable[[Job], Awaitable[None]],
        at_once: int = 1,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        dead_after_seconds: float = DEAD_AFTER_SECONDS,
    ) -> None:
        """`take` is the function of this name, with what is special about the table. `begin` does a job by `carry_out`,
        and writes how it has ended; `at_once` of them run side by side."""
        self._database = database
        self._model = model
        self._take_one = take
        self._begin = begin
        self._at_once = at_once
        self._heartbeat = heartbeat_seconds
        self._dead_after = dead_after_seconds
        self._wanted = asyncio.Event()
        self._table = model.__tablename__

    def wake(self) -> None:
        """Look for jobs at once."""
        self._wanted.set()

    async def run(self) -> None:
        """Carry jobs out, now and whenever one waits, until the task is cancelled."""
        running: dict[asyncio.Task[None], Mine] = {}
        try:
            while True:
                self._wanted.clear()
                try:
                    await self._start(running)
                except Exception as error:  # noqa: BLE001 - the next time it may succeed
                    log.warning("jobs can't be taken", table=self._table, error=type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._wanted.wait()
        finally:
            left = dict(running)
            await cancel_and_wait(left)
            for mine in left.values():  # also where the task had not begun
                await self.give_back(mine)

    async def work(self) -> None:
        """Carry jobs out, one after the other, until none waits."""
        while (job := await self._take()) is not None:
            await self._begin(job)

    async def carry_out(
        self, job: Job, work: Coroutine[Any, Any, None], *, progress: Callable[[], Mapping[str, int]] = dict
    ) -> BaseException | None:
        """Do the work of a job, and say meanwhile that this process is alive, with the columns of `progress`.

        Returns what the work has failed with; None where it is done, and where the job is not this process's any more.
        When this is cancelled, so is the work, and the job is given back.
        """
        working = asyncio.create_task(work, name=f"{self._table} {job.id}")
        try:
            while not working.done():
                await asyncio.wait([working], timeout=self._heartbeat)
                if not working.done() and not await self._is_mine(job.mine, progress()) and not working.cancelling():
                    working.cancel()  # once: a second time would end its tidying up
        except asyncio.CancelledError:
            await cancel_and_wait([working])
            await self.give_back(job.mine)
            raise
        error = Lost() if working.cancelled() else working.exception()
        if isinstance(error, Lost):
            log.info("a job is not ours any more", table=self._table, job=job.id)
            return None
        return error

    async def give_back(self, mine: Mine) -> None:
        """Let another process take the job at once. If that can't be done, one does when this process has been silent
        for long enough."""
        try:
            async with self._database.writing() as session:
                await change(session, self._model, mine, {"state": QUEUED})
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("a job can't be given back", table=self._table, job=mine.id, error=type(error).__name__)

    async def _start(self, running: dict[asyncio.Task[None], Mine]) -> None:
        while len(running) < self._at_once and (job := await self._take()) is not None:
            task = asyncio.create_task(self._begun(job), name=f"{self._table} {job.id}: its process")
            running[task] = job.mine
            task.add_done_callback(running.pop)
            task.add_done_callback(lambda _: self.wake())

    async def _begun(self, job: Job) -> None:
        try:
            await self._begin(job)
        except Exception as error:  # noqa: BLE001 - it is taken once more when this process was silent for long
            log.warning("the end of a job can't be written", table=self._table, job=job.id, error=type(error).__name__)

    async def _take(self) -> Job | None:
        """The next job; when this is cancelled, the one that was just taken is given back."""
        taking = asyncio.create_task(self._taken())
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.gather(taking, return_exceptions=True)
            if not taking.cancelled() and taking.exception() is None and (job := taking.result()) is not None:
                await self.give_back(job.mine)
            raise

    async def _taken(self) -> Job | None:
        async with self._database.writing() as session:
            return await self._take_one(session, self._dead_after)

    async def _is_mine(self, mine: Mine, progress: Mapping[str, int]) -> bool:
        try:
            async with self._database.writing() as session:
                return await go_on(session, self._model, mine, **progress)
        except Exception as error:  # noqa: BLE001 - if it lasts, another process takes the job
            log.warning("a job can't be kept alive", table=self._table, job=mine.id, error=type(error).__name__)
            return True
