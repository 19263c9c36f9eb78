"""What commands work with: the parts of this service, put together without serving anybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core_collection_service.config import CoreSettings
from core_collection_service.pictures.repository import Removed
from core_collection_service.retention.service import Retention
from lightbox_shared.blobs import LargeBlobs, ObjectStoreBlobs
from lightbox_shared.commands.terminal import Complaint
from lightbox_shared.database import Database


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
async def opened(settings: CoreSettings, database: Database) -> AsyncIterator[Services]:
    """The services on this database."""
    large = ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None
    yield Services(database, settings, _retention(database, large))


def _retention(database: Database, large: LargeBlobs | None) -> Retention:
    if large is None:
        return Retention(database, None)

    async def forget(removed: Removed) -> None:
        for key in removed.object_keys:
            await large.delete(key)

    return Retention(database, forget)
