"""PostgreSQL: one engine, two types of session.

A `WriteSession` is one transaction, committed *before* the response starts, so that a 2xx means that the change is
durable. By default FastAPI runs the code behind the `yield` of a dependency after the response; with
`scope="function"` it runs before. A `ReadSession` runs each statement in a transaction of its own and can't flush.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import URL, ExceptionContext, event, func, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session

from lightbox_shared.errors.disk_full import is_disk_full

POOL_WAIT_SECONDS = 5
CONNECT_SECONDS = 5


class ReadOnlyViolation(RuntimeError):
    """Code tried to write through a `ReadSession`. This is a programming error and never caused by a request."""


class _ReadOnlySession(Session):
    def flush(self, objects: Sequence[Any] | None = None) -> None:  # noqa: ARG002 - the signature is Session's
        if self.new or self.dirty or self.deleted:
            raise ReadOnlyViolation


class ReadSession(AsyncSession):
    """A session that only reads; a flush raises `ReadOnlyViolation`."""

    sync_session_class = _ReadOnlySession


class WriteSession(AsyncSession):
    """A session that is one transaction."""


Statements = WriteSession | AsyncConnection
"""The argument of functions whose statement may run in a transaction with others or in one of its own."""


def asyncpg_url(url: str) -> URL:
    """Convert a `postgresql://` or `postgres://` URL to one for SQLAlchemy's asyncpg driver."""
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    return parsed.set(drivername="postgresql+asyncpg")


async def _connect(**options: object) -> asyncpg.Connection:
    """Connect by asyncpg. Raises `ConnectionError` for every reason why the server can't be reached.

    asyncpg itself raises other subclasses of `OSError` for a missing socket, an unknown host name and a timeout, which
    could not be told from a full disk.
    """
    try:
        return await asyncpg.connect(**options)
    except ConnectionError:
        raise
    except OSError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


class Database:
    """The engine of one service and its sessions. Created in the lifespan; `await dispose()` at its end."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,  # errors would carry names and password hashes into the log
            connect_args={
                "timeout": CONNECT_SECONDS,
                "server_settings": {"timezone": "UTC", "jit": "off"},
                "async_creator_fn": _connect,
            },
        )
        self._autocommit_engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = async_sessionmaker(self._autocommit_engine, class_=ReadSession, expire_on_commit=False)
        self._writers = async_sessionmaker(self.engine, class_=WriteSession, expire_on_commit=False)

    def on_disk_full(self, call: Callable[[], None]) -> None:
        """Call this whenever the database says that it has no room, whoever asked it for something."""

        def handle(context: ExceptionContext) -> None:
            if is_disk_full(context.original_exception):
                call()

        event.listen(self.engine.sync_engine, "handle_error", handle)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """Open a session for reading."""
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """Open a transaction, which is committed when the block ends and rolled back when it raises."""
        async with self._writers() as session, session.begin():
            yield session

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which each statement is a transaction of its own.

        A statement takes one round trip instead of three (BEGIN, statement, COMMIT) and no session, for statements that
        run so often that this is measurable.
        """
        async with self._autocommit_engine.connect() as connection:
            yield connection

    async def check(self) -> None:
        """Run a trivial query, for `/readyz`. Raises the exception of the driver if the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def dispose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


async def try_lock(session: WriteSession, key: int) -> bool:
    """Try to take the advisory lock `key` until the end of the transaction. Returns whether it was free."""
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
"""The dependency of an endpoint that reads: a `ReadSession`."""
Writing = Annotated[WriteSession, Depends(_writing, scope="function")]
"""The dependency of an endpoint that writes: a `WriteSession`, committed before the response starts."""
