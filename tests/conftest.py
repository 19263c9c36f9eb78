"""What all tests stand on: a real PostgreSQL of their own, real migrations, no blocking call on the event loop.

Each test gets a fresh database, cloned from a migrated template (some 20 ms). Unlike a savepoint that is rolled back
this lets the code under test commit for real, and several connections see it.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings
from support.asgi import WithState, client_of
from support.databases import Databases, FreshDatabase
from support.environment import (
    build_no_console,
    calculate_in_one_thread,
    prefer_memory,
    trust_no_authorities,
    wait_for_the_database,
)
from support.running import temporary_folder
from support.workers import WholeGroups, longest_first, number_of_workers
from xdist.remote import Producer

from lightbox.run.postgres import PostgresServer
from lightbox_shared.database import Database
from lightbox_shared.installation import SERVICES

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"

calculate_in_one_thread()
prefer_memory()
trust_no_authorities()
wait_for_the_database()
build_no_console()
# A machine that is busy makes no test fail.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return number_of_workers(config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeGroups:
    return WholeGroups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # that is, in a worker
        longest_first(items)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """A blocking call inside one of our packages, on the event loop, is an error."""
    modules = ["lightbox_shared", *(service.package for service in SERVICES)]
    with blockbuster_ctx(modules) as buster:
        # What runs at start-up only, or once a connection: asyncpg looks for ~/.pgpass, Alembic for its versions.
        for function in buster.functions.values():
            function.can_block_in("asyncpg/connect_utils.py", {"_read_password_file", "_parse_connect_dsn_and_args"})
            function.can_block_in("lightbox_shared/database/migrate.py", {"upgrade"})
            function.can_block_in("alembic/command.py", {"downgrade"})
            # It looks for a module that is not there, for which a server and a client in two threads share a lock.
            function.can_block_in("httpcore/_synchronization.py", {"current_async_library"})
            function.can_block_in("aiocoap/oscore.py", {"_store"})  # see the known limits of coap/security.py
            # Logs are written where they are made; it never waits for long.
            function.can_block_in("lightbox_shared/observability/log_output.py", {"_put_all"})
        yield buster


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that forgets at the end, and so needs no fsync; the fault tests use one that has it. Its databases live
    for seconds, and so need no vacuum."""
    settings = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")
    with temporary_folder() as folder, PostgresServer.at(folder, settings) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: PostgresServer) -> Iterator[Databases]:
    with Databases.on(postgres) as databases:
        yield databases


@pytest.fixture
def fresh_database(databases: Databases) -> Iterator[FreshDatabase]:
    with databases.fresh() as fresh:
        yield fresh


@pytest.fixture
async def client(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application that runs, which is the fixture `service` of the test's folder."""
    async with client_of(service) as client:
        yield client


@pytest.fixture
def database(service: WithState) -> Database:
    """The one of that application."""
    found: Database = service.state["database"]
    return found


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
