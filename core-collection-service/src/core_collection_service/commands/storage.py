"""What `storage` shows and cleans of this service. Pictures are rows here, and none is without a reference."""

from core_collection_service.commands.services import open_services
from core_collection_service.config import CoreSettings
from core_collection_service.devices import repository
from core_collection_service.orm import ANONYMOUS
from lightbox_shared.anonymous_storage import repository as anonymous_storage
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.storage.service_storage import Cleaned, ServiceStorage, Usage


def storage() -> ServiceStorage[CoreSettings]:
    """How the storage is measured and cleaned."""
    return ServiceStorage(CoreSettings, _usage, _clean)


async def _usage(_settings: CoreSettings, session: ReadSession) -> Usage:
    pictures, size = await repository.totals(session)
    anonymous = await anonymous_storage.stored(session, ANONYMOUS)
    return Usage(pictures, size, anonymous_pictures=anonymous.pictures, anonymous_bytes=anonymous.bytes)


async def _clean(settings: CoreSettings, database: Database) -> Cleaned:
    await AnonymousStorage(database, ANONYMOUS, settings.anonymous_limits).tidy_up()
    async with open_services(settings, database) as services:
        expired = await services.anonymous_retention.delete()
    return Cleaned(expired.pictures)
