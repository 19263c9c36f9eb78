"""PostgreSQL: one engine, two types of session.

A `WriteSession` is one transaction, committed *before* the response starts, so that a 2xx means durable. FastAPI runs
the code behind a `yield` dependency after the response by default; `scope="function"` is what makes it run before.
A `ReadSession` sends each statement by itself and refuses to flush.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import URL, func, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

POOL_WAIT_SECONDS = 5
CONNECT_SECONDS = 5


class ReadOnlyViolation(RuntimeError):
    """Somebody tried to write through a `ReadSession`; a mistake in the code, never in a request."""


class _ReadOnlySession(Session):
    def flush(self, objects: Sequence[Any] | None = None) -> None:  # noqa: ARG002 - the signature is Session's
        if self.new or self.dirty or self.deleted:
            raise ReadOnlyViolation


class ReadSession(AsyncSession):
    """Reads only."""

    sync_session_class = _ReadOnlySession


class WriteSession(AsyncSession):
    """One transaction."""


Statements = WriteSession | AsyncConnection
"""Where a statement runs that does not mind whether it is a part of a transaction or one by itself."""


def asyncpg_url(url: str) -> URL:
    """A `postgresql://` or `postgres://` address, as people write it, for the asyncpg driver."""
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    return parsed.set(drivername="postgresql+asyncpg")


async def _connect(**options: object) -> asyncpg.Connection:
    """asyncpg's, where every way not to reach the server is a `ConnectionError`: a socket that is not there, a name
    that nobody knows and a server that keeps silent are other kinds of `OSError`, as is a full disk."""
    try:
        return await asyncpg.connect(**options)
    except ConnectionError:
        raise
    except OSError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


class Database:
    """The engine of one service and its sessions. Create it in the lifespan; `await dispose()` at the end."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,  # an error of the driver would carry names and hashes into the log
            connect_args={
                "timeout": CONNECT_SECONDS,
                "server_settings": {"timezone": "UTC", "jit": "off"},
                "async_creator_fn": _connect,
            },
        )
        self._each_by_itself = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = async_sessionmaker(self._each_by_itself, class_=ReadSession, expire_on_commit=False)
        self._writers = async_sessionmaker(self.engine, class_=WriteSession, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A session that reads."""
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._writers() as session, session.begin():
            yield session

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is a transaction of its own, and one round trip instead of three: for
        what runs so often that this, and the cost of a session, counts."""
        async with self._each_by_itself.connect() as connection:
            yield connection

    async def check(self) -> None:
        """For `/readyz`. Raises what the driver raises."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


async def try_lock(session: WriteSession, key: int) -> bool:
    """Hold the advisory lock `key` until the end of the transaction, unless somebody else does; whether we do."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(key))))


async def _reading(request: Request) -> AsyncIterator[ReadSession]:
    database: Database = request.state.database
    async with database.reading() as session:
        yield session


async def _writing(request: Request) -> AsyncIterator[WriteSession]:
    database: Database = request.state.database
    async with database.writing() as session:
        yield session


Reading = Annotated[ReadSession, Depends(_reading, scope="function")]
Writing = Annotated[WriteSession, Depends(_writing, scope="function")]
