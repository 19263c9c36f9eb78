"""Builds imagehub-service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives import endpoints as drives
from imagehub_service.drives.built_in.service import UPLOAD_SESSIONS_PATH, BuiltInDrive
from imagehub_service.drives.built_in.upload_sessions import endpoints as upload_sessions
from imagehub_service.drives.built_in.upload_sessions.errors import GRAPH
from imagehub_service.drives.built_in.upload_sessions.service import UploadLimits, UploadSessions
from imagehub_service.drives.service import Drives
from imagehub_service.errors import IMAGEHUB, IMAGEHUB_PATHS
from imagehub_service.orm import BLOBS
from imagehub_service.state import Services
from imagehub_service.unused_blobs.service import UnusedBlobs
from lightbox_shared.background import periodic_task
from lightbox_shared.bounded_threads import BoundedThreads
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.service import Resources, Service

EXPIRED_UPLOADS_SECONDS: Final = 600
UNUSED_BLOBS_SECONDS: Final = 3600
MAX_LISTS_WAITING: Final = 16
MAX_FILES_WAITING: Final = 32
"""Uploaded files that may wait to be hashed. The last chunk of further ones gets 503 with `Retry-After`."""


@asynccontextmanager
async def open_services(resources: Resources[ImageHubSettings]) -> AsyncIterator[Services]:
    """Open what the endpoints use, with the tasks that tidy up."""
    settings, database = resources.settings, resources.database
    blobs = resources.blobs(BLOBS)
    hashing = BoundedThreads(1, max_waiting=MAX_FILES_WAITING, busy="Too many files are being uploaded.")
    listing = BoundedThreads(1, max_waiting=MAX_LISTS_WAITING, busy="Too many lists of folders are being made.")
    limits = UploadLimits(
        lifetime_seconds=settings.upload_session_seconds,
        file_bytes=settings.max_drive_file_bytes,
        drive_bytes=settings.drive_bytes,
    )
    uploads = UploadSessions(database, blobs, limits, hashing)
    built_in = BuiltInDrive(database, blobs, uploads, total_bytes=settings.drive_bytes, threads=listing)
    unused = UnusedBlobs(database, blobs)
    async with AsyncExitStack() as stack:
        for task in (
            periodic_task(uploads.delete_expired, "expired uploads", every=EXPIRED_UPLOADS_SECONDS),
            periodic_task(unused.delete, "unused blobs", every=UNUSED_BLOBS_SECONDS),
        ):
            await stack.enter_async_context(task)
        yield Services(
            settings=settings,
            database=database,
            blobs=blobs,
            drives=Drives(built_in),
            upload_sessions=uploads,
            listing=listing,
        )


SERVICE = Service(
    name="imagehub-service",
    description="Folders of pictures here or in OneDrive, and the gallery that shows them.",
    settings=ImageHubSettings,
    open=open_services,
    routers=(drives.router, upload_sessions.router),
    dialects=Dialects({**dict.fromkeys(IMAGEHUB_PATHS, IMAGEHUB), UPLOAD_SESSIONS_PATH: GRAPH}),
    tags={
        "ImageHub": "A gallery: folders of a drive, pictures in groups, pages of 12 groups.",
        "Gallery": "What ImageHub did not have: management of groups and pictures, search, duplicates, shared links.",
        "IIIF": "The pictures of the gallery by the IIIF Image API 3.0.",
    },
)
create_app = SERVICE.create_app
