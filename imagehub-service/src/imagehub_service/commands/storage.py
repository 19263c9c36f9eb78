"""What `storage` shows and cleans of this service."""

from imagehub_service.blob_references import BLOB_REFERENCES
from imagehub_service.config import ImageHubSettings
from imagehub_service.gallery.pictures import repository
from imagehub_service.orm import BLOBS
from lightbox_shared.storage.service_storage import ServiceStorage, storage_of_blobs


def storage() -> ServiceStorage[ImageHubSettings]:
    """How the storage is measured and cleaned."""
    return storage_of_blobs(ImageHubSettings, BLOBS, BLOB_REFERENCES, repository.count)
