"""Every table of this service, in one place: importing this is what completes `metadata`."""

from core_collection_service.devices.models import Device
from core_collection_service.orm import Base
from core_collection_service.pictures.models import Picture
from core_collection_service.retention.models import RetentionRule

__all__ = ["Base", "Device", "Picture", "RetentionRule", "metadata"]

metadata = Base.metadata
