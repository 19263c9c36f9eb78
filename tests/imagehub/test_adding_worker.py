"""Additions whose processes end in the middle, several processes at once, and what the database says afterwards."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from asyncpg.exceptions import ConnectionDoesNotExistError
from sqlalchemy import event, text
from support.additions import Kept, coloured, gallery_of
from support.imagehub import ADMIN_ID, MakeHubSettings
from support.memory_drive import MemoryDrive, MemoryDrives

from imagehub_service.app import addition_worker
from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.progress import ProgressBoard
from imagehub_service.gallery.adding.repository import WantedFolder
from imagehub_service.gallery.adding.worker import AdditionWorker
from imagehub_service.orm import BLOBS
from lightbox_shared.concurrency.background_jobs import MAX_INTERRUPTIONS
from lightbox_shared.concurrency.decoding import DecodingBudget
from lightbox_shared.database import Database
from lightbox_shared.observability.logging import configure_logging
from lightbox_shared.storage.blobs import Blobs
from lightbox_shared.storage.disk_space import DiskSpace

PICTURES = 5
MakeDatabase = Callable[[], Database]

_PROCESS = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from support.additions import coloured
from support.memory_drive import MemoryDrive, MemoryDrives
from imagehub_service.app import addition_worker
from imagehub_service.config import ImageHubSettings
from imagehub_service.gallery.adding.progress import ProgressBoard
from imagehub_service.orm import BLOBS
from lightbox_shared.storage.blobs import Blobs
from lightbox_shared.database import Database
from lightbox_shared.concurrency.decoding import DecodingBudget

drive = MemoryDrive()
for number in range(int(sys.argv[3])):
    drive.put(f"{number}.png", coloured(number))
database = Database(sys.argv[1])
settings = ImageHubSettings(database_url=sys.argv[1])
blobs, decoding = Blobs(BLOBS, row_limit=2**30), DecodingBudget(2**30)
worker = addition_worker(settings, database, blobs, MemoryDrives(drive), ProgressBoard(), decoding=decoding)
asyncio.run(worker.work())
"""


@pytest.fixture(autouse=True)
def logs() -> None:
    """As the service writes them."""
    configure_logging("imagehub-service", "info", "json")


@pytest.fixture
async def replica(make_settings: MakeHubSettings) -> AsyncIterator[MakeDatabase]:
    """Makes the connections of one more replica of the service, which does not run otherwise."""
    made: list[Database] = []

    def make() -> Database:
        made.append(Database(make_settings().database_url))
        return made[-1]

    yield make
    for each in made:
        await each.dispose()


@pytest.fixture
async def database(replica: MakeDatabase) -> Database:
    return replica()


@pytest.fixture
def drive() -> MemoryDrive:
    drive = MemoryDrive()
    for number in range(PICTURES):
        drive.put(f"{number}.png", coloured(number))
    return drive


@pytest.fixture
def make_worker(make_settings: MakeHubSettings, drive: MemoryDrive) -> Callable[..., AdditionWorker]:
    def make(database: Database, **options: Any) -> AdditionWorker:
        blobs = Blobs(BLOBS, row_limit=2**30)
        decoding = DecodingBudget(2**30)
        worker = addition_worker(
            make_settings(), database, blobs, MemoryDrives(drive), ProgressBoard(), decoding=decoding
        )
        for name, value in {"pause": 0.0, **options}.items():
            assert hasattr(worker, f"_{name}")
            setattr(worker, f"_{name}", value)
        return worker

    return make


MakeWorker = Callable[..., AdditionWorker]


async def ask(database: Database, drive: MemoryDrive, *, group: int | None = None, times: int = 1) -> int:
    """The id of an addition of all files of the drive."""
    files = [(file_id, name) for _ in range(times) for file_id, (name, _) in drive.files.items()]
    async with database.writing() as session:
        return await repository.add(session, ADMIN_ID, [WantedFolder("F", "System", group, files)])


async def addition_of(database: Database, addition_id: int) -> Any:
    async with database.reading() as session:
        statement = text("SELECT * FROM additions WHERE id = :id")
        return (await session.execute(statement, {"id": addition_id})).one()


def whole(times: int = 1) -> list[Kept]:
    """What is in the gallery when all files of the drive were added to the first group."""
    return [Kept(1, number + 1, f"{number % PICTURES}.png") for number in range(PICTURES * times)]


@asynccontextmanager
async def failing_at(database: Database, number: int) -> AsyncIterator[list[str]]:
    """From its statement `number` on, the database is gone; the list gets the statements before."""
    seen: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)
        if len(seen) >= number:
            raise ConnectionDoesNotExistError("the server has gone")

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", before)


async def test_the_database_goes_away_at_any_statement(
    replica: MakeDatabase, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    """Whole pictures or none, and the next process goes on where the first one was."""
    database, number, finished = replica(), 0, False
    while not finished:
        number += 5 if number > 12 else 1
        async with database.writing() as session:
            await session.execute(text("TRUNCATE groups, additions CASCADE"))
            await session.execute(text("UPDATE gallery_revisions SET next_group = 1"))
        await ask(database, drive)
        weak = replica()
        async with failing_at(weak, number) as seen:
            with suppress(Exception):
                await asyncio.wait_for(make_worker(weak).work(), 20)
        finished = len(seen) < number
        kept = await gallery_of(database)
        assert kept == whole()[: len(kept)]
        await asyncio.sleep(0.01)
        await make_worker(database, dead_after=0.001).work()
        assert await gallery_of(database) == whole()
        await weak.dispose()
    assert number > 3 * PICTURES


async def test_a_worker_that_is_cancelled_at_any_moment(
    replica: MakeDatabase, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    database = replica()
    addition_id = await ask(database, drive, times=4)
    rounds = 0
    while (await addition_of(database, addition_id)).state != "done":
        rounds += 1
        task = asyncio.create_task(make_worker(database).run())
        for _ in range(rounds * 7 % 97 + 20):
            await asyncio.sleep(0)
        await asyncio.sleep(0.01 * rounds)  # ever longer, so that in the end it gets on, however slow the machine is
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        kept = await gallery_of(database)
        assert kept == whole(4)[: len(kept)]
        # A worker that ends in good order gives back what it has, and so did not end without a word.
        row = await addition_of(database, addition_id)
        assert (row.state in {"queued", "done"}, row.interruptions) == (True, 0)
    assert await gallery_of(database) == whole(4)
    assert rounds > 2


async def test_a_process_that_is_killed_in_the_middle(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker, pytestconfig: pytest.Config
) -> None:
    addition_id = await ask(database, drive, times=15)
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    arguments = (url, str(pytestconfig.rootpath / "tests"), str(PICTURES))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROCESS, *arguments)
    try:
        async with asyncio.timeout(60):
            while (await addition_of(database, addition_id)).added < 3:  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.005)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    before = await addition_of(database, addition_id)
    assert before.state == "running"
    await make_worker(database).work()  # its process may be alive, for all that is known
    assert (await addition_of(database, addition_id)).added == before.added
    async with asyncio.timeout(60):
        while (await addition_of(database, addition_id)).state != "done":
            await make_worker(database, dead_after=0.1).work()
    assert await gallery_of(database) == whole(15)


async def test_two_processes_never_add_a_picture_twice(
    replica: MakeDatabase, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    """The first one was taken for dead, and goes on at the same time as the second."""
    database = replica()
    for _ in range(3):
        await ask(database, drive, times=3)
    drive.gate.clear()
    running = []
    for attempt in (1, 2):
        running.append(asyncio.create_task(make_worker(replica(), heartbeat=1000.0).run()))
        async with asyncio.timeout(60):
            for number in (1, 2, 3):
                while (await addition_of(database, number)).attempt < attempt:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        if attempt == 1:
            async with database.writing() as session:
                await session.execute(text("UPDATE additions SET heartbeat_at = now() - interval '1 hour'"))
    drive.gate.set()
    async with asyncio.timeout(60):
        for number in (1, 2, 3):
            while (await addition_of(database, number)).state != "done":  # noqa: ASYNC110 - the workers do it
                await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)  # for what the first one might still do
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    names = [f"{number % PICTURES}.png" for number in range(3 * PICTURES)]
    kept = await gallery_of(database)
    for group_id in (1, 2, 3):
        assert [each.name for each in kept if each.group_id == group_id] == names
    assert len(kept) == 9 * PICTURES


async def test_a_picture_that_ends_its_process_is_left_out(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    addition_id = await ask(database, drive)
    async with database.writing() as session:
        silent = "state = 'running', heartbeat_at = now() - interval '1 hour'"
        statement = text(f"UPDATE additions SET {silent}, attempt = 3, interruptions = :times")  # noqa: S608
        await session.execute(statement, {"times": MAX_INTERRUPTIONS - 1})
    await make_worker(database).work()
    assert drive.most_under_way == 1  # one at a time, so that it is known which one it was
    row = await addition_of(database, addition_id)
    assert (row.state, row.added, row.failed, row.interruptions) == ("done", PICTURES - 1, 1, 0)
    assert [each.name for each in await gallery_of(database)] == [f"{number}.png" for number in range(1, PICTURES)]


async def test_files_are_read_side_by_side_within_a_bound(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    for _ in range(3):
        await ask(database, drive, times=4)
    drive.gate.clear()
    worker = make_worker(database)
    task = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        while drive.under_way < 8:  # noqa: ASYNC110 - the worker begins by itself
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert (drive.under_way, drive.most_under_way) == (8, 8)
        drive.gate.set()
        while len(await gallery_of(database)) < 3 * 4 * PICTURES:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert drive.most_under_way == 8


async def test_an_error_of_the_service_gives_the_addition_up(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    addition_id = await ask(database, drive)
    worker = make_worker(database, drives=None)
    await worker.work()
    row = await addition_of(database, addition_id)
    assert (row.state, row.added, row.failed) == ("failed", 0, PICTURES)
    assert row.finished_at is not None
    assert await gallery_of(database) == []


async def test_on_a_full_disk_an_addition_waits(
    database: Database, drive: MemoryDrive, make_settings: MakeHubSettings, tmp_path: Path
) -> None:
    """It is no error of the pictures, and they are added when there is room."""
    addition_id = await ask(database, drive)
    space = DiskSpace(lambda: {"data": tmp_path}, reserve=10**18)
    await space.read()
    blobs, decoding = Blobs(BLOBS, row_limit=2**30), DecodingBudget(2**30)
    worker = addition_worker(
        make_settings(),
        database,
        blobs,
        MemoryDrives(drive),
        ProgressBoard(),
        decoding=decoding,
        disk_space=space,
    )
    worker._pause = 0.05
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.sleep(1)
        row = await addition_of(database, addition_id)
        assert (row.added, row.failed, row.interruptions) == (0, 0, 0)
        assert not drive.downloads
        space._reserve = 0
        for _ in range(400):
            if (await addition_of(database, addition_id)).state == "done":
                break
            await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await gallery_of(database) == whole()


async def test_a_file_that_is_stored_already_is_not_sent_again(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    sent: list[int] = []

    def before(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "INTO blobs" in statement:
            sent.append(len(parameters))

    await ask(database, drive)
    event.listen(database.engine.sync_engine, "before_cursor_execute", before)
    await make_worker(database).work()
    assert len(sent) == PICTURES
    await ask(database, drive)
    await make_worker(database).work()
    assert len(sent) == PICTURES
    assert len(await gallery_of(database)) == 2 * PICTURES


async def test_old_additions_are_forgotten_and_their_pictures_stay(
    database: Database, drive: MemoryDrive, make_worker: MakeWorker
) -> None:
    for _ in range(2):
        await ask(database, drive)
    worker = make_worker(database)
    await worker.work()
    await ask(database, drive)
    async with database.writing() as session:
        await session.execute(text("UPDATE additions SET finished_at = now() - interval '8 days' WHERE id = 1"))
    await worker.tidy_up()
    async with database.reading() as session:
        left = (await session.execute(text("SELECT id, state FROM additions ORDER BY id"))).all()
    assert [tuple(row) for row in left] == [(2, "done"), (3, "queued")]
    assert len(await gallery_of(database)) == 2 * PICTURES
