"""What the commands work with: the parts of the service that need no server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter

from core_collection_service.config import CoreSettings
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.retention.anonymous import AnonymousRetention
from core_collection_service.retention.service import Retention
from lightbox_shared.blobs import ObjectStoreBlobs
from lightbox_shared.commands.terminal import CommandError
from lightbox_shared.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The database, and the parts of the service that commands use."""

    database: Database
    settings: CoreSettings
    retention: Retention
    anonymous_retention: AnonymousRetention

    def check_collection(self, name: str) -> None:
        """Raises `CommandError` unless a collection with this name is configured."""
        if name not in self.settings.collections:
            raise CommandError(f"There is no such collection; there is {', '.join(self.settings.collections)}.")


@asynccontextmanager
async def open_services(settings: CoreSettings, database: Database) -> AsyncIterator[Services]:
    """The parts on this database."""
    large = ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None
    preparing, row_limit = CapacityLimiter(settings.preparing_threads), settings.blob_row_limit
    storage = PictureStorage(database, preparing=preparing, reading=preparing, large=large, row_limit=row_limit)
    delete_objects = storage.delete_objects if large else None
    anonymous_retention = AnonymousRetention(database, delete_objects, days=settings.anonymous_retention_days)
    yield Services(database, settings, Retention(database, delete_objects), anonymous_retention)
