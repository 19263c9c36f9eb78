"""Alembic migrations when a service starts. An advisory lock makes replicas of a service migrate one after the other.

The revisions of a service are in its `<package>/migrations/`; the Alembic environment is `alembic_environment/` beside
this module, for all services.
"""

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Final

import anyio.to_thread
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from lightbox_shared.database import Database

log = structlog.get_logger()

_LOCK: Final = 0x4C69_6768_7462_6F78  # "Lightbox" in ASCII; services have separate databases and so separate locks


def alembic_config(package: str, metadata: MetaData | None = None) -> Config:
    """The configuration of Alembic for the service with this package."""
    folder = Path(importlib.import_module(package).__path__[0])
    config = Config()
    config.set_main_option("script_location", "lightbox_shared.database:alembic_environment")
    config.set_main_option("version_locations", str(folder / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["target_metadata"] = metadata
    return config


async def migrate(engine: AsyncEngine, package: str) -> None:
    """Upgrade the service's database to the newest revision; waits while another replica does the same."""

    def upgrade(connection: Connection) -> None:
        config = alembic_config(package)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    # Lock and migrations share one connection, so that a pool of one is enough; the end of the transaction releases
    # both.
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(upgrade)
    log.info("database is up to date")


async def is_current(engine: AsyncEngine, package: str) -> bool:
    """Whether the service's database is at the newest revision. Changes nothing."""

    def newest() -> set[str]:
        return set(ScriptDirectory.from_config(alembic_config(package)).get_heads())

    def present(connection: Connection) -> set[str]:
        return set(MigrationContext.configure(connection).get_current_heads())

    async with engine.connect() as connection:
        return await connection.run_sync(present) == await anyio.to_thread.run_sync(newest)


def tables_of(package: str) -> MetaData:
    """The metadata of the service's `Base`, with the tables of the `models.py` of each feature."""
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if found.name.endswith(".models"):
            importlib.import_module(found.name)
    metadata: MetaData = importlib.import_module(f"{package}.orm").Base.metadata
    return metadata


def new_revision(package: str, message: str, url: str, metadata: MetaData) -> None:
    """Write a revision file with the differences between `metadata` and the database at `url`."""
    import asyncio  # noqa: PLC0415 - needed only on the command line

    async def run() -> None:
        database = Database(url)

        def revise(connection: Connection) -> None:
            config = alembic_config(package, metadata)
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True)

        async with database.engine.begin() as connection:
            await connection.run_sync(revise)
        await database.dispose()

    asyncio.run(run())


if __name__ == "__main__":  # python -m lightbox_shared.database.migrate auth_service postgresql://... "add keys"
    _package, _url, _message = sys.argv[1:]
    new_revision(_package, _message, _url, tables_of(_package))
