"""What `storage` shows of this service: the size of its tables alone."""

from auth_service.config import AuthSettings
from lightbox_shared.storage.service_storage import ServiceStorage


def storage() -> ServiceStorage[AuthSettings]:
    """How the storage is measured."""
    return ServiceStorage(AuthSettings)
