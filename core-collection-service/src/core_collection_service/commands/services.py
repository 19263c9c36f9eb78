"""What the commands work with: the parts of the service that need no server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import typer
from anyio import CapacityLimiter

from core_collection_service.config import CoreSettings
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.retention.anonymous import AnonymousRetention
from core_collection_service.retention.rules import RetentionRules
from core_collection_service.retention.service import Retention
from lightbox_shared.audit import AuditTrail
from lightbox_shared.commands.audit import audit_trail
from lightbox_shared.commands.terminal import CommandError
from lightbox_shared.database import Database
from lightbox_shared.storage.blobs import ObjectStoreBlobs

SERVICE: Final = "core-collection-service"


@dataclass(frozen=True, slots=True)
class Services:
    """The database, and the parts of the service that commands use."""

    database: Database
    settings: CoreSettings
    retention: Retention
    rules: RetentionRules
    anonymous_retention: AnonymousRetention

    def check_collection(self, name: str) -> None:
        """Raises `CommandError` unless a collection with this name is configured."""
        if name not in self.settings.collections:
            raise CommandError(f"There is no such collection; there is {', '.join(self.settings.collections)}.")


@asynccontextmanager
async def open_services(
    settings: CoreSettings, database: Database, audit: AuditTrail | None = None
) -> AsyncIterator[Services]:
    """The parts on this database. Without `audit` the rules can't be changed."""
    large = ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None
    preparing, row_limit = CapacityLimiter(settings.preparing_threads), settings.blob_row_limit
    storage = PictureStorage(database, preparing=preparing, reading=preparing, large=large, row_limit=row_limit)
    delete_objects = storage.delete_objects if large else None
    days = settings.anonymous_retention_days
    yield Services(
        database,
        settings,
        Retention(database, delete_objects),
        RetentionRules(database, audit, anonymous_days=days),
        AnonymousRetention(database, delete_objects, days=days),
    )


def with_audit_trail(
    context: typer.Context,
) -> Callable[[CoreSettings, Database], AbstractAsyncContextManager[Services]]:
    """`open_services` for commands that change what the audit trail tells about."""
    trail = audit_trail(context, SERVICE)

    @asynccontextmanager
    async def opened(settings: CoreSettings, database: Database) -> AsyncIterator[Services]:
        async with (
            trail(settings) as audit,
            open_services(settings, database, audit) as services,
        ):
            yield services

    return opened
