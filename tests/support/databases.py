"""Databases for the tests, on a real PostgreSQL server: empty ones, and copies of migrated templates."""

import importlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, Self

import asyncpg
from anyio.from_thread import BlockingPortal, start_blocking_portal

from lightbox.run.postgres import SUPERUSER, PostgresServer
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate

Prepare = Callable[[str], Awaitable[None]]
"""What a template goes through, once, before each test gets a copy of it; called with its address."""


class FreshDatabase(Protocol):
    """Package name (`auth_service`) -> address of a fresh, migrated database."""

    def __call__(self, package: str, prepare: Prepare | None = None) -> str: ...


class Databases:
    """Makes and drops databases over one connection, on an event loop in a thread of its own, so that code with and
    without a running event loop can use it."""

    def __init__(self, server: PostgresServer, portal: BlockingPortal, connection: asyncpg.Connection) -> None:
        self._server = server
        self._portal = portal
        self._connection = connection
        self._numbers = itertools.count()
        self._templates: dict[tuple[str, Prepare | None], str] = {}

    @classmethod
    @contextmanager
    def on(cls, server: PostgresServer) -> Iterator[Self]:
        """Those of a server that runs."""
        with start_blocking_portal() as portal:
            connection = portal.call(asyncpg.connect, server.url(SUPERUSER))
            try:
                yield cls(server, portal, connection)
            finally:
                portal.call(connection.close)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The address of a database without any table, dropped afterwards."""
        name = self._create("template0")
        yield self._server.url(name)
        self._drop(name)

    @contextmanager
    def fresh(self) -> Iterator[FreshDatabase]:
        """Makes copies of templates, dropped afterwards. A template is made when it is first asked for."""
        made: list[str] = []

        def copy(package: str, prepare: Prepare | None = None) -> str:
            made.append(self._create(self._template(package, prepare)))
            return self._server.url(made[-1])

        yield copy
        for name in made:
            self._drop(name)

    def _template(self, package: str, prepare: Prepare | None) -> str:
        key = package, prepare
        if key not in self._templates:
            name = self._create("template0")
            importlib.import_module(package)
            self._portal.call(_fill, self._server.url(name), package, prepare)
            self._templates[key] = name
        return self._templates[key]

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        # Copying files is faster than writing the copy to the log, which is PostgreSQL's default.
        statement = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
        self._portal.call(self._connection.execute, statement)
        return name

    def _drop(self, name: str) -> None:
        self._portal.call(self._connection.execute, f"DROP DATABASE {name} WITH (FORCE)")


async def _fill(url: str, package: str, prepare: Prepare | None) -> None:
    database = Database(url)
    await migrate(database.engine, package)
    await database.dispose()
    if prepare is not None:
        await prepare(url)
