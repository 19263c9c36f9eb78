"""Durable commits, sessions that only read, migrations, and outages of the database."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import httpx
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from anyio import to_thread
from fastapi import APIRouter, Depends
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from support.asgi import BASE_URL, client_of, running
from support.databases import FreshDatabase
from support.kit import MakeApp
from support.running import temporary_folder

from lightbox.run.postgres import PostgresServer
from lightbox_shared.database import (
    Database,
    Reading,
    ReadOnlyViolation,
    WriteSession,
    Writing,
    _writing,
    asyncpg_url,
)
from lightbox_shared.database.migrate import alembic_config, migrate, tables_of
from lightbox_shared.database.orm import NAMING_CONVENTION
from lightbox_shared.errors import Conflict
from lightbox_shared.errors.handlers import to_lightbox_error
from lightbox_shared.installation import SERVICES

PACKAGES = tuple(service.package for service in SERVICES if service.has_database)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)


# A violation of this constraint is found at the commit.
LATE = """
CREATE TABLE notes (
    id integer PRIMARY KEY,
    follows integer REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED
)
"""
INSERT = text("INSERT INTO notes (id, follows) VALUES (1, 99)")

router = APIRouter()


@router.post("/late", status_code=201)
async def late(session: Writing) -> None:
    await session.execute(INSERT)


@router.post("/late-with-the-default-scope", status_code=201)
async def late_with_the_default_scope(session: Annotated[WriteSession, Depends(_writing)]) -> None:
    await session.execute(INSERT)


@router.post("/notes/{note_id}", status_code=201)
async def add(note_id: int, session: Writing) -> None:
    session.add(Note(id=note_id))


@router.post("/refused/{note_id}", status_code=201)
async def refuse(note_id: int, session: Writing) -> None:
    session.add(Note(id=note_id))
    await session.flush()
    raise Conflict


@router.get("/notes")
async def count(session: Reading) -> int:
    found: int = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()
    return found


@pytest.fixture
async def client(database: Database, make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    async with database.writing() as session:
        await session.execute(text(LATE))
    async with running(make_app(router, state={"database": database})) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
            yield http


async def test_a_commit_that_fails_is_no_success(client: httpx.AsyncClient) -> None:
    answer = await client.post("/late")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert (await client.get("/notes")).json() == 0


async def test_fastapis_default_scope_would_have_said_created(client: httpx.AsyncClient) -> None:
    """The reason for `scope="function"` in `Writing`: by default the transaction ends after the response was sent."""
    assert (await client.post("/late-with-the-default-scope")).status_code == 201
    assert (await client.get("/notes")).json() == 0


async def test_a_success_is_committed(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.post("/notes/7")).status_code == 201
    async with database.reading() as session:
        assert (await session.execute(text("SELECT id FROM notes"))).scalars().all() == [7]


async def test_an_error_rolls_back(client: httpx.AsyncClient) -> None:
    assert (await client.post("/refused/1")).status_code == 409
    assert (await client.get("/notes")).json() == 0


async def test_a_cancelled_transaction_rolls_back(client: httpx.AsyncClient, database: Database) -> None:
    with anyio.CancelScope() as scope:
        async with database.writing() as session:
            session.add(Note(id=1))
            await session.flush()
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert (await client.get("/notes")).json() == 0


async def test_a_reader_refuses_to_write(client: httpx.AsyncClient, database: Database) -> None:
    async with database.reading() as session:
        session.add(Note(id=1))
        with pytest.raises(ReadOnlyViolation):
            await session.flush()
        with pytest.raises(ReadOnlyViolation):
            await session.execute(text("SELECT 1"))  # flushes by itself
        with pytest.raises(ReadOnlyViolation):
            await session.commit()
        session.expunge_all()
    assert (await client.get("/notes")).json() == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_addresses_as_people_write_them(scheme: str) -> None:
    url = asyncpg_url(f"{scheme}://u:p%40w@h:1/d?host=/tmp/postgres://x")
    assert (url.drivername, url.username, url.password, url.database) == ("postgresql+asyncpg", "u", "p@w", "d")


@pytest.mark.parametrize("package", PACKAGES)
async def test_replicas_that_start_together_migrate_once(empty_database: str, package: str) -> None:
    replicas = [Database(empty_database, pool_size=1) for _ in range(3)]
    async with anyio.create_task_group() as tasks:
        for replica in replicas:
            tasks.start_soon(migrate, replica.engine, package)
    async with replicas[0].reading() as session:
        assert len((await session.execute(text("SELECT version_num FROM alembic_version"))).all()) == 1
    for replica in replicas:
        await replica.dispose()


async def test_a_migration_waits_for_the_lock(database: Database) -> None:
    migrated = anyio.Event()

    async def other() -> None:
        await migrate(database.engine, "auth_service")
        migrated.set()

    async with anyio.create_task_group() as tasks:
        async with database.writing() as session:
            await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": 0x4C69_6768_7462_6F78})
            tasks.start_soon(other)
            await anyio.sleep(0.3)
            assert not migrated.is_set()
        with anyio.fail_after(20):
            await migrated.wait()


@pytest.fixture
def migrated(fresh_database: FreshDatabase, request: pytest.FixtureRequest) -> tuple[str, MetaData]:
    metadata: MetaData = tables_of(request.param)
    return fresh_database(request.param), metadata


@pytest.mark.parametrize("migrated", PACKAGES, indirect=True)
async def test_models_and_migrations_agree(migrated: tuple[str, MetaData]) -> None:
    url, metadata = migrated

    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found

    database = Database(url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.dispose()


@pytest.mark.parametrize("migrated", PACKAGES, indirect=True)
async def test_migrations_lead_back_and_forth(migrated: tuple[str, MetaData], request: pytest.FixtureRequest) -> None:
    url, metadata = migrated
    package = request.node.callspec.params["migrated"]
    database = Database(url)

    def downgrade(connection: Connection) -> None:
        config = alembic_config(package)
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with database.engine.begin() as connection:
        await connection.run_sync(downgrade)
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert names == ["alembic_version"]
    await migrate(database.engine, package)
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(metadata.tables) <= set(names)
    await database.dispose()


async def test_transactions_that_wait_for_each_other_may_try_again(database: Database) -> None:
    """PostgreSQL aborts one of two transactions in a deadlock, which is no error of the client."""
    outcomes: list[Exception | None] = []
    both = anyio.Event()

    async def swap(first: int, second: int) -> None:
        lock = text("SELECT pg_advisory_xact_lock(:key)")
        try:
            async with database.writing() as session:
                await session.execute(lock, {"key": first})
                if first == 2:
                    both.set()
                await both.wait()
                await session.execute(lock, {"key": second})
        except DBAPIError as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(swap, 1, 2)
        await anyio.sleep(0.1)
        tasks.start_soon(swap, 2, 1)
    failed = [error for error in outcomes if error is not None]
    assert len(outcomes) == 2
    assert [to_lightbox_error(error).status for error in failed] == [503]


def _is_unavailable(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.headers.get("retry-after"), answer.json()["type"]) == (
        503,
        "1",
        "/problems/unavailable",
    )


@pytest.fixture
async def cutting() -> AsyncIterator[int]:
    """The port of a server that closes every connection at once."""

    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("where", ["closed port", "no socket", "unknown host", "cuts us off"])
async def test_a_server_that_is_not_there_is_an_outage(
    make_app: MakeApp, where: str, free_port: int, cutting: int
) -> None:
    urls = {
        "closed port": f"postgresql://u@127.0.0.1:{free_port}/x",
        "no socket": "postgresql://u@/x?host=/tmp/lightbox-nowhere",
        "unknown host": "postgresql://u@no-such-host.invalid/x",
        "cuts us off": f"postgresql://u@127.0.0.1:{cutting}/x",
    }
    database = Database(urls[where])
    async with running(make_app(router, state={"database": database})) as app, client_of(app) as client:
        assert _is_unavailable(await client.get("/notes"))
        assert _is_unavailable(await client.post("/notes/1"))
    await database.dispose()


async def test_a_restart_of_the_server(make_app: MakeApp) -> None:
    with temporary_folder() as folder:
        server = await to_thread.run_sync(PostgresServer.at, folder, ("fsync=off",))
        await to_thread.run_sync(server.start)
        database = Database(server.url("postgres"))
        async with database.writing() as session:
            await session.execute(text("CREATE TABLE notes (id integer PRIMARY KEY)"))
        try:
            async with running(make_app(router, state={"database": database})) as app, client_of(app) as client:
                assert (await client.post("/notes/1")).status_code == 201
                await to_thread.run_sync(server.stop)
                for _ in range(3):
                    assert _is_unavailable(await client.get("/notes"))
                    assert _is_unavailable(await client.post("/notes/2"))
                await to_thread.run_sync(server.start)
                assert (await client.get("/notes")).json() == 1
                assert (await client.post("/notes/2")).status_code == 201
        finally:
            await database.dispose()
            await to_thread.run_sync(server.stop)


async def test_an_exhausted_pool_is_an_outage(
    empty_database: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightbox_shared.database.POOL_WAIT_SECONDS", 0.1)
    database = Database(empty_database, pool_size=1)
    app = make_app(router, state={"database": database})
    async with running(app) as started, client_of(started) as client, database.reading() as session:
        await session.execute(text("SELECT 1"))
        assert _is_unavailable(await client.get("/notes"))
    await database.dispose()
