"""Creates the databases of the services on an existing PostgreSQL server (`DATABASE_URL`)."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg


def on_server(server_url: str, database: str) -> str:
    """Return the URL of a database on the server of `server_url`, with the same user and options."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


def ensure_databases(server_url: str, names: Sequence[str]) -> None:
    """Create the databases that are missing.

    Raises `OSError`, `ValueError`, `asyncpg.PostgresError` or `asyncpg.InterfaceError`, for instance if the server does
    not answer or its user may not create databases.
    """

    async def run() -> None:
        connection = await asyncpg.connect(server_url)
        try:
            for name in names:
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                    await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    asyncio.run(run())
