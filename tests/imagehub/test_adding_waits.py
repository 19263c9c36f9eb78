"""Additions whose pictures find no memory to be decoded: they wait, are tried again, and leave out what never fits."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import text
from support.additions import Kept, coloured, gallery_of
from support.imagehub import ADMIN_ID, MakeHubSettings
from support.memory_drive import MemoryDrive, MemoryDrives

from imagehub_service.app import addition_worker
from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.progress import ProgressBoard
from imagehub_service.gallery.adding.repository import WantedFolder
from imagehub_service.gallery.adding.worker import MAX_POSTPONED, NO_MEMORY, AdditionWorker
from imagehub_service.orm import BLOBS
from lightbox_shared.concurrency.decoding import DecodingBudget
from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import Blobs

PICTURES = 5
MakeWorker = Callable[[DecodingBudget], AdditionWorker]


@pytest.fixture
async def database(make_settings: MakeHubSettings) -> AsyncIterator[Database]:
    made = Database(make_settings().database_url)
    yield made
    await made.dispose()


@pytest.fixture
def drive() -> MemoryDrive:
    drive = MemoryDrive()
    for number in range(PICTURES):
        drive.put(f"{number}.png", coloured(number))
    return drive


@pytest.fixture
def make_worker(database: Database, drive: MemoryDrive, make_settings: MakeHubSettings) -> MakeWorker:
    def make(decoding: DecodingBudget) -> AdditionWorker:
        blobs = Blobs(BLOBS, row_limit=2**30)
        return addition_worker(
            make_settings(), database, blobs, MemoryDrives(drive), ProgressBoard(), decoding=decoding
        )

    return make


@pytest.fixture
async def addition_id(database: Database, drive: MemoryDrive) -> int:
    """An addition of all files of the drive to a new group."""
    files = [(file_id, name) for file_id, (name, _) in drive.files.items()]
    async with database.writing() as session:
        return await repository.add(session, ADMIN_ID, [WantedFolder("F", "System", None, files)])


async def addition_of(database: Database, addition_id: int) -> Any:
    async with database.reading() as session:
        statement = text("SELECT * FROM additions WHERE id = :id")
        return (await session.execute(statement, {"id": addition_id})).one()


async def test_without_memory_an_addition_waits_and_is_tried_again(
    database: Database, addition_id: int, make_worker: MakeWorker
) -> None:
    """Longer each time, by whichever process takes it up; nothing is lost by it."""
    decoding = DecodingBudget(1000, max_waiting=0)
    busy = make_worker(decoding)
    waits: list[float] = []
    async with decoding.reserve(1000):  # other pictures are being decoded
        for _ in range(3):
            await busy.work()
            row = await addition_of(database, addition_id)
            assert (row.state, row.added, row.failed, row.interruptions, row.finished_at) == ("queued", 0, 0, 0, None)
            waits.append((row.waits_until - row.heartbeat_at).total_seconds())
            await busy.work()  # it is not time yet
            assert (await addition_of(database, addition_id)).attempt == row.attempt
            await due(database)
    assert all(0 <= waited - pause < 5 for waited, pause in zip(waits, (5, 10, 20), strict=True)), waits
    await make_worker(DecodingBudget(2**30)).work()
    row = await addition_of(database, addition_id)
    assert (row.state, row.failed, row.waits_until) == ("done", 0, None)
    assert await gallery_of(database) == [Kept(1, number + 1, f"{number}.png") for number in range(PICTURES)]


async def test_a_picture_that_finds_no_memory_for_long_is_left_out(
    database: Database, addition_id: int, make_worker: MakeWorker
) -> None:
    decoding = DecodingBudget(1000, max_waiting=0)
    busy = make_worker(decoding)
    async with decoding.reserve(1000):
        for _ in range(MAX_POSTPONED):
            await busy.work()
            await due(database)
        row = await addition_of(database, addition_id)
        assert (row.state, row.attempt, row.failed) == ("queued", MAX_POSTPONED, 0)
        await busy.work()
    row = await addition_of(database, addition_id)
    assert (row.state, row.failed) == ("queued", 1)  # and waits for the next one
    async with database.reading() as session:
        errors = await repository.errors(session, addition_id)
    assert [(item.number, item.error) for item, _ in errors] == [(0, NO_MEMORY)]
    await due(database)
    await make_worker(DecodingBudget(2**30)).work()
    row = await addition_of(database, addition_id)
    assert (row.state, row.added, row.failed) == ("done", PICTURES - 1, 1)


async def due(database: Database) -> None:
    """Let the time pass for which additions wait."""
    async with database.writing() as session:
        await session.execute(text("UPDATE additions SET waits_until = now()"))
