"""Making exports in the background: several replicas, processes that end in the middle, failures, expiry, memory."""

import asyncio
import hashlib
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from sqlalchemy import text
from support.annotation import MakeAnnotationSettings
from support.results import many_results

from annotation_service.exports import repository, results_repository
from annotation_service.exports.formats import ExportFormat, encode
from annotation_service.exports.models import CHUNK_BYTES, Export, ExportChunk, ResultFilter
from annotation_service.exports.results_repository import BATCH_ROWS
from annotation_service.exports.rows import Columns, ResultRow
from annotation_service.exports.worker import ExportWorker, _File
from lightbox_shared.concurrency.background_jobs import MAX_INTERRUPTIONS, Lost
from lightbox_shared.database import Database

FORMATS = pytest.mark.parametrize("wanted", ["csv", "jsonl", "parquet"])
ROWS = 3000
MakeDatabase = Callable[[], Database]

_PROCESS = """
import asyncio, sys
from annotation_service.exports.rows import Columns, ResultRow
from annotation_service.exports.worker import ExportWorker
from lightbox_shared.database import Database
asyncio.run(ExportWorker(Database(sys.argv[1]), lifetime_seconds=3600).work())
"""


@pytest.fixture
async def replica(make_settings: MakeAnnotationSettings) -> AsyncIterator[MakeDatabase]:
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


def worker(database: Database, **options: Any) -> ExportWorker:
    return ExportWorker(database, lifetime_seconds=3600, **options)


async def ask(database: Database, wanted: str = "csv", **filters: Any) -> int:
    async with database.reading() as session:
        export_id = await repository.next_id(session)
    async with database.writing() as session:
        await repository.add(session, export_id, wanted, filters, 2)
    return export_id


async def export_of(database: Database, export_id: int) -> Export:
    async with database.reading() as session:
        found = await session.get(Export, export_id)
        assert found is not None
        return found


async def chunks_of(database: Database, export_id: int) -> list[bytes]:
    async with database.reading() as session:
        found = await session.execute(
            text("SELECT data FROM export_chunks WHERE export_id = :id ORDER BY number"), {"id": export_id}
        )
        return [row[0] for row in found]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


async def begun(database: Database, export_id: int) -> None:
    """Wait until a part of the file is there, and not all of it."""

    async def has_chunks() -> bool:
        return (await export_of(database, export_id)).size > CHUNK_BYTES

    await until(has_chunks)
    assert (await export_of(database, export_id)).state == "running"


@asynccontextmanager
async def held(database: Database, export_id: int) -> AsyncIterator[None]:
    """Let the process that makes the export not go on meanwhile."""
    async with database.writing() as session:
        lock = text("SELECT state FROM exports WHERE id = :id FOR UPDATE")
        assert (await session.execute(lock, {"id": export_id})).scalar_one() == "running"
        yield


async def check_complete(database: Database, export_id: int, rows: int = ROWS, **columns: Any) -> None:
    export, chunks = await export_of(database, export_id), await chunks_of(database, export_id)
    assert (export.state, export.rows) == ("done", rows)
    assert {name: getattr(export, name) for name in columns} == columns
    data = b"".join(chunks)
    assert (export.size, export.sha256) == (len(data), hashlib.sha256(data).digest())
    assert {len(chunk) for chunk in chunks[:-1]} <= {CHUNK_BYTES}
    if export.format == "jsonl":
        assert data.count(b"\n") == rows


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_process_that_is_killed_in_the_middle(database: Database) -> None:
    await many_results(database, ROWS // 3, words=2000)
    export_id = await ask(database, "jsonl")
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _PROCESS, url)
    try:
        await begun(database, export_id)
        async with held(database, export_id):
            process.kill()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await worker(database).work()
    assert (await export_of(database, export_id)).state == "running"  # its process may be alive, for all that is known

    async def is_done() -> bool:  # the server may take a moment to end the transaction of the process
        await worker(database, dead_after_seconds=0.1).work()
        return (await export_of(database, export_id)).state == "done"

    await until(is_done)
    await check_complete(database, export_id, attempt=2, interruptions=1)


async def test_a_process_that_was_thought_dead_changes_nothing_any_more(replica: MakeDatabase) -> None:
    first, second = replica(), replica()
    export_id = await ask(first)
    async with first.writing() as session:
        taken = await repository.take(session, 30)
    assert taken is not None
    file = _File(first, taken.mine)
    await file.write(b"x" * CHUNK_BYTES)
    async with first.writing() as session:
        await session.execute(text("UPDATE exports SET heartbeat_at = now() - interval '31 seconds'"))
    await worker(second).work()
    await check_complete(second, export_id, rows=0, attempt=2)
    with pytest.raises(Lost):
        await file.write(b"x" * CHUNK_BYTES)
    with pytest.raises(Lost):
        await file.finish(3600)
    await check_complete(second, export_id, rows=0, attempt=2)


async def test_replicas_do_not_make_an_export_twice(replica: MakeDatabase) -> None:
    databases = [replica() for _ in range(3)]
    await many_results(databases[0], 200)
    ids = [await ask(databases[0], wanted) for wanted in ("csv", "jsonl", "parquet") * 3]
    await asyncio.gather(*(worker(each).work() for each in databases))
    for export_id in ids:
        await check_complete(databases[0], export_id, rows=600, attempt=1, interruptions=0)


async def test_the_oldest_export_is_taken_by_one_of_many(replica: MakeDatabase) -> None:
    database = replica()
    ids = [await ask(database) for _ in range(5)]

    async def take() -> int | None:
        async with database.writing() as session:
            taken = await repository.take(session, 30)
            return None if taken is None else taken.id

    taken = await asyncio.gather(*(take() for _ in range(9)))
    assert Counter(each for each in taken if each is not None) == Counter(ids)


@FORMATS
async def test_a_service_that_stops_gives_its_export_back(replica: MakeDatabase, wanted: str) -> None:
    database = replica()
    await many_results(database, ROWS // 3, words=2000 if wanted != "parquet" else 20)
    export_id = await ask(database, wanted)
    async with running(worker(database).run()):

        async def is_running() -> bool:
            return (await export_of(database, export_id)).state == "running"

        await until(is_running)
        if wanted != "parquet":
            await begun(database, export_id)
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # it is a QueuePool
    stopped = await export_of(database, export_id)
    assert (stopped.state, stopped.interruptions) == ("queued", 0)
    await worker(database).work()
    await check_complete(database, export_id, attempt=2, interruptions=0)


async def test_an_export_that_is_asked_for_is_begun_at_once(database: Database) -> None:
    making = worker(database)
    async with running(making.run()):
        await asyncio.sleep(0.1)
        export_id = await ask(database)
        making.wake()

        async def is_done() -> bool:
            return (await export_of(database, export_id)).state == "done"

        await until(is_done)


async def test_an_export_that_is_deleted_in_the_middle(database: Database) -> None:
    await many_results(database, ROWS // 3, words=2000)
    deleted, following = await ask(database, "jsonl"), await ask(database, "jsonl", state="done")
    async with running(worker(database, heartbeat_seconds=0.01).work()) as task:
        await begun(database, deleted)
        async with database.writing() as session:
            assert await repository.remove(session, deleted)
        await task
    assert await chunks_of(database, deleted) == []
    await check_complete(database, following, rows=0, attempt=1)


async def test_the_database_goes_away_in_the_middle(replica: MakeDatabase) -> None:
    database, other = replica(), replica()
    await many_results(database, ROWS // 3, words=2000)
    export_id = await ask(database, "jsonl")
    async with running(worker(database).work()) as task:
        await begun(other, export_id)
        async with other.reading() as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
        await task
    assert (await export_of(other, export_id)).state == "running"

    async def is_done() -> bool:
        await worker(other, dead_after_seconds=0.1).work()
        return (await export_of(other, export_id)).state == "done"

    await until(is_done)
    await check_complete(other, export_id, attempt=2, interruptions=1)


async def test_an_export_that_ends_its_processes_is_given_up(database: Database) -> None:
    export_id = await ask(database)
    for _ in range(MAX_INTERRUPTIONS):
        async with database.writing() as session:
            assert await repository.take(session, 30) is not None
            await session.execute(text("UPDATE exports SET heartbeat_at = now() - interval '1 minute'"))
    await worker(database).work()
    export = await export_of(database, export_id)
    assert (export.state, export.interruptions) == ("failed", MAX_INTERRUPTIONS)
    assert export.expires_at is not None


async def test_a_failure_is_told_without_what_people_wrote(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await many_results(database, 1)
    async with database.writing() as session:
        await session.execute(
            text(
                "INSERT INTO schemes (name, version, title, schema)"
                """ VALUES ('odd', 1, 'Odd', '{"type": "object", "properties": {"dr": {"type": "integer"}}}')"""
            )
        )
        await session.execute(text("""UPDATE labels SET scheme_id = 2, fields = '{"dr": "Jane Doe"}'"""))
    failed, following = await ask(database, "parquet"), await ask(database, "csv")
    await worker(database).work()
    assert (await export_of(database, failed)).state == "failed"
    await check_complete(database, following, rows=3)
    printed = capsys.readouterr()
    assert "ValueError" in printed.out + printed.err
    assert "Jane" not in printed.out + printed.err


async def test_what_has_expired_is_gone_and_then_deleted(database: Database) -> None:
    ids = [await ask(database) for _ in range(3)]
    await worker(database).work()
    async with database.writing() as session:
        await session.execute(
            text("UPDATE exports SET expires_at = now() - interval '1 second' WHERE id = :id"), {"id": ids[1]}
        )
    async with database.reading() as session:
        assert await repository.find(session, ids[1]) is None
        assert await repository.find(session, ids[0]) is not None
    await worker(database).tidy_up()
    async with database.reading() as session:
        assert (await session.execute(text("SELECT id FROM exports ORDER BY id"))).scalars().all() == [ids[0], ids[2]]
    assert await chunks_of(database, ids[1]) == []
    assert await chunks_of(database, ids[0]) != []


@FORMATS
async def test_an_export_of_any_size_is_in_memory_a_part_at_a_time(database: Database, wanted: str) -> None:
    await many_results(database, 2_000, words=600)
    export_id = await ask(database, wanted)
    tracemalloc.start()
    try:
        await worker(database).work()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    await check_complete(database, export_id, rows=6_000)
    assert peak < 10_000_000 < 600 * 5 * 6_000


async def test_an_export_is_of_one_moment(database: Database) -> None:
    """What is settled after the first rows were read is not among the last ones."""
    await many_results(database, BATCH_ROWS)
    async with database.writing() as session:
        await results_repository.freeze(session)
        batches = results_repository.rows(session, ResultFilter())
        found = await anext(batches)
        async with database.writing() as other:
            await other.execute(
                text("UPDATE images SET state = 304, ground_truth_id = (SELECT max(id) FROM labels) WHERE id = 1")
            )
            await other.execute(text("DELETE FROM jobs WHERE label_id = (SELECT max(id) FROM labels)"))
        async for batch in batches:
            found += batch
    assert len(found) == 3 * BATCH_ROWS
    assert {row.ground_truth for row in found} == {False}
    assert all(row.job_id is not None for row in found)


@pytest.mark.parametrize("error", [Lost(), ConnectionError("gone"), OSError(28, "full")])
async def test_what_breaks_a_parquet_file_is_told_as_it_is(error: Exception) -> None:
    """The library in between knows its own exceptions only."""
    columns = Columns({})

    async def batches_with(failure: Exception | None) -> AsyncIterator[list[ResultRow]]:
        if failure is not None:
            raise failure
        none: list[list[ResultRow]] = []
        for batch in none:
            yield batch

    async def keep(_data: bytes) -> None:
        pass

    async def refuse(_data: bytes) -> None:
        raise error

    for batches, write in ((batches_with(error), keep), (batches_with(None), refuse)):
        with pytest.raises(type(error)) as caught:
            await encode(ExportFormat.PARQUET, columns, batches, write, limiter=anyio.CapacityLimiter(1))
        assert caught.value is error


async def test_a_chunk_belongs_to_an_export(database: Database) -> None:
    export_id = await ask(database)
    async with database.writing() as session:
        session.add(ExportChunk(export_id=export_id, number=0, data=b"x"))
    async with database.writing() as session:
        assert await repository.remove(session, export_id)
    assert await chunks_of(database, export_id) == []
