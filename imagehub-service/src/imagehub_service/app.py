"""Builds imagehub-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.service import Drives
from imagehub_service.errors import IMAGEHUB, IMAGEHUB_PATHS
from imagehub_service.orm import BLOBS
from imagehub_service.state import Services
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.service import Resources, Service


@asynccontextmanager
async def open_services(resources: Resources[ImageHubSettings]) -> AsyncIterator[Services]:
    """Open what the endpoints use."""
    yield Services(
        settings=resources.settings,
        database=resources.database,
        blobs=resources.blobs(BLOBS),
        drives=Drives(),
    )


SERVICE = Service(
    name="imagehub-service",
    description="Folders of pictures here or in OneDrive, and the gallery that shows them.",
    settings=ImageHubSettings,
    open=open_services,
    routers=(),
    dialects=Dialects(dict.fromkeys(IMAGEHUB_PATHS, IMAGEHUB)),
    tags={
        "ImageHub": "A gallery: folders of a drive, pictures in groups, pages of 12 groups.",
        "Gallery": "What ImageHub did not have: management of groups and pictures, search, duplicates, shared links.",
        "IIIF": "The pictures of the gallery by the IIIF Image API 3.0.",
    },
)
create_app = SERVICE.create_app
