"""What `storage` shows and cleans of this service."""

from inference_service.blob_references import BLOB_REFERENCES
from inference_service.config import InferenceSettings
from inference_service.orm import ANONYMOUS, BLOBS
from inference_service.predictions import repository as predictions
from inference_service.retention.service import AnonymousRetention
from inference_service.xrays import repository as xrays
from lightbox_shared.anonymous_storage import repository as anonymous_storage
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.storage.blobs import Blobs
from lightbox_shared.storage.service_storage import Cleaned, ServiceStorage, Usage
from lightbox_shared.storage.unused_blobs import UnusedBlobs


def storage() -> ServiceStorage[InferenceSettings]:
    """How the storage is measured and cleaned."""
    return ServiceStorage(InferenceSettings, _usage, _clean)


async def _usage(settings: InferenceSettings, session: ReadSession) -> Usage:
    blobs = await Blobs.configured(BLOBS, settings).usage(session, BLOB_REFERENCES)
    pictures = await predictions.count_pictures(session) + await xrays.count_anonymous(session)
    anonymous = await anonymous_storage.stored(session, ANONYMOUS)
    return Usage(pictures, blobs.bytes, blobs.unused, blobs.unused_bytes, anonymous.pictures, anonymous.bytes)


async def _clean(settings: InferenceSettings, database: Database) -> Cleaned:
    anonymous = AnonymousStorage(database, ANONYMOUS, settings.anonymous_limits)
    await anonymous.tidy_up()
    expired = await AnonymousRetention(database, anonymous, days=settings.anonymous_retention_days).delete()
    unused = await UnusedBlobs(database, Blobs.configured(BLOBS, settings), BLOB_REFERENCES).delete()
    return Cleaned(expired.xrays + expired.predictions, unused.blobs, unused.bytes)
