"""What `storage` shows and cleans of this service."""

from annotation_service.blob_references import BLOB_REFERENCES
from annotation_service.config import AnnotationSettings
from annotation_service.orm import BLOBS
from annotation_service.pictures import repository
from lightbox_shared.storage.service_storage import ServiceStorage, storage_of_blobs


def storage() -> ServiceStorage[AnnotationSettings]:
    """How the storage is measured and cleaned."""
    return storage_of_blobs(AnnotationSettings, BLOBS, BLOB_REFERENCES, repository.count)
