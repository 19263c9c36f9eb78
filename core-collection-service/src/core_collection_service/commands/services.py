"""What commands work with: the parts of this service, put together without serving anybody."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from core_collection_service.config import CoreSettings
from core_collection_service.pictures.repository import Removed
from core_collection_service.retention.service import Retention
from lightbox_shared.blobs import LargeBlobs, ObjectStoreBlobs
from lightbox_shared.commands.running import START_ONCE, read_settings
from lightbox_shared.commands.terminal import Complaint
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import is_current
from lightbox_shared.logging import configure_logging


@dataclass(frozen=True, slots=True)
class Services:
    """As in `state.Services`, what commands need of it."""

    database: Database
    settings: CoreSettings
    retention: Retention

    def check_collection(self, name: str) -> None:
        """Raises `Complaint` unless it is configured."""
        if name not in self.settings.collections:
            raise Complaint(f"There is no such collection; there is {', '.join(self.settings.collections)}.")


@asynccontextmanager
async def opened(given: Mapping[str, str]) -> AsyncIterator[Services]:
    """The services, for the settings of the environment and those `given`. Raises `Complaint` for settings that
    are wrong and for a database of another version, and what the driver raises."""
    settings = read_settings(CoreSettings, given)
    if not structlog.is_configured():
        configure_logging("core-collection-service", "error", "console")  # what a command has to say, it says itself
    database = Database(settings.database_url, pool_size=2)
    try:
        if not await is_current(database.engine, "core_collection_service"):
            raise Complaint(START_ONCE)
        large = ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None
        yield Services(database, settings, _retention(database, large))
    finally:
        await database.dispose()


def _retention(database: Database, large: LargeBlobs | None) -> Retention:
    if large is None:
        return Retention(database, None)

    async def forget(removed: Removed) -> None:
        for key in removed.object_keys:
            await large.delete(key)

    return Retention(database, forget)
