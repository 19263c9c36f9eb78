"""What `storage` shows and cleans of this service."""

from imagehub_service.blob_references import BLOB_REFERENCES
from imagehub_service.config import ImageHubSettings
from imagehub_service.gallery.pictures import repository
from imagehub_service.orm import BLOBS
from lightbox_shared.blobs import Blobs
from lightbox_shared.database import Database, ReadSession
from lightbox_shared.storage import Cleaned, ServiceStorage, Usage
from lightbox_shared.unused_blobs import UnusedBlobs


def storage() -> ServiceStorage[ImageHubSettings]:
    """How the storage is measured and cleaned."""
    return ServiceStorage(ImageHubSettings, _usage, _clean)


async def _usage(settings: ImageHubSettings, session: ReadSession) -> Usage:
    blobs = await Blobs.configured(BLOBS, settings).usage(session, BLOB_REFERENCES)
    pictures = await repository.count(session)
    return Usage(pictures, blobs.bytes, blobs.unused, blobs.unused_bytes)


async def _clean(settings: ImageHubSettings, database: Database) -> Cleaned:
    unused = await UnusedBlobs(database, Blobs.configured(BLOBS, settings), BLOB_REFERENCES).delete()
    return Cleaned(unused_blobs=unused.blobs, unused_bytes=unused.bytes)
