"""A database for each service on a server that somebody else runs (`DATABASE_URL`)."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg


def on_server(server_url: str, database: str) -> str:
    """The address of a database on the same server, with the same user and options."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


def ensure_databases(server_url: str, names: Sequence[str]) -> None:
    """Make the databases that are missing. Raises what asyncpg raises when the server or the right to do so is."""

    async def run() -> None:
        connection = await asyncpg.connect(server_url)
        try:
            for name in names:
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                    await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    asyncio.run(run())
