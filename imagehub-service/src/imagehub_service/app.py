"""Builds imagehub-service."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from imagehub_service.blob_references import BLOB_REFERENCES
from imagehub_service.config import ImageHubSettings
from imagehub_service.dialect import IMAGEHUB, IMAGEHUB_PATHS
from imagehub_service.drives import endpoints as drives
from imagehub_service.drives.built_in.service import UPLOAD_SESSIONS_PATH, BuiltInDrive
from imagehub_service.drives.built_in.upload_sessions import endpoints as upload_sessions
from imagehub_service.drives.built_in.upload_sessions.errors import GRAPH
from imagehub_service.drives.built_in.upload_sessions.service import UploadLimits, UploadSessions
from imagehub_service.drives.connection import endpoints as drive_connection
from imagehub_service.drives.onedrive.service import open_onedrives
from imagehub_service.drives.service import Drives
from imagehub_service.gallery.adding import endpoints as additions
from imagehub_service.gallery.adding.preparation import Preparation
from imagehub_service.gallery.adding.progress import ProgressBoard
from imagehub_service.gallery.adding.service import Additions
from imagehub_service.gallery.adding.store import AdditionStore
from imagehub_service.gallery.adding.worker import AdditionWorker
from imagehub_service.gallery.arranging import endpoints as arranging
from imagehub_service.gallery.arranging.service import Arranging
from imagehub_service.gallery.duplicates import endpoints as duplicates
from imagehub_service.gallery.duplicates.service import Duplicates
from imagehub_service.gallery.groups import endpoints as groups
from imagehub_service.gallery.imagehub import endpoints as imagehub
from imagehub_service.gallery.pages import endpoints as pages
from imagehub_service.gallery.pages.pictures import ShownPictures
from imagehub_service.gallery.pages.service import Pages
from imagehub_service.gallery.pictures import endpoints as pictures
from imagehub_service.gallery.shares import endpoints as shares_endpoints
from imagehub_service.gallery.shares import visitor_endpoints as shared_links
from imagehub_service.gallery.shares.passwords import SharePasswords
from imagehub_service.gallery.shares.service import KEY_PURPOSE, Shares
from imagehub_service.gallery.visitors import endpoints as visitors
from imagehub_service.iiif import endpoints as iiif
from imagehub_service.orm import BLOBS
from imagehub_service.picture_files import endpoints as picture_files
from imagehub_service.picture_files.response_cache import CACHED_PICTURES
from imagehub_service.picture_files.service import Renditions
from imagehub_service.picture_files.watch import DoubtAfterChanges, GalleryWatch
from imagehub_service.state import Services
from lightbox_shared.audit import AuditTrail, AuthServiceAudit
from lightbox_shared.auth.passwords import HashingThreads
from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.concurrency.background import background_task, periodic_task
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.database import Database
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.process.stop_signals import on_stop_signal
from lightbox_shared.responses.streams import OpenStreams
from lightbox_shared.service import Clock, Resources, Service
from lightbox_shared.storage.blobs import Blobs
from lightbox_shared.storage.disk_space import DiskSpace
from lightbox_shared.storage.unused_blobs import UnusedBlobs

TIDY_UP_SECONDS: Final = 3600
EXPIRED_UPLOADS_SECONDS: Final = 600
DOWNLOADS_AHEAD: Final = 6
"""Pictures that may be read from drives, or wait for their turn, besides those that are decoded."""
MAX_LISTS_WAITING: Final = 16
MAX_PASSWORDS_WAITING: Final = 64
MAX_COMPARING_WAITING: Final = 4
MAX_FILES_WAITING: Final = 32
"""Uploaded files that may wait to be hashed. The last chunk of further ones gets 503 with `Retry-After`."""


@asynccontextmanager
async def open_services(
    resources: Resources[ImageHubSettings], *, drives: Drives | None = None
) -> AsyncIterator[Services]:
    """Open what the endpoints use, with the worker that adds pictures and the tasks that tidy up; `drives` are others
    than those of the settings."""
    settings, database = resources.settings, resources.database
    blobs, progress = resources.blobs(BLOBS), ProgressBoard()
    decoding = DecodingBudget(settings.decoding_bytes)
    listing = BoundedThreads(1, max_waiting=MAX_LISTS_WAITING, busy="Too many lists of folders are being made.")
    uploads = open_uploads(settings, database, blobs)
    audit = AuthServiceAudit(resources.auth_http, resources.own_tokens)
    hashing = HashingThreads(most_waiting=MAX_PASSWORDS_WAITING, busy="Too many passwords at the same time.")
    comparing = BoundedThreads(1, max_waiting=MAX_COMPARING_WAITING, busy="Duplicates are being looked for already.")
    shares = open_shares(settings, database, hashing, audit, resources.clock)
    async with AsyncExitStack() as stack:
        built_in = BuiltInDrive(database, blobs, uploads, total_bytes=settings.drive_bytes, threads=listing)
        onedrives = None
        if settings.has_onedrive:
            onedrives = await stack.enter_async_context(open_onedrives(database, settings, listing))
        drives = drives or Drives(built_in, onedrives)
        worker = addition_worker(
            settings, database, blobs, drives, progress, decoding=decoding, disk_space=resources.disk_space
        )
        renditions = await stack.enter_async_context(
            Renditions.open(
                database,
                blobs,
                threads=settings.rendering_threads,
                decoding=decoding,
                max_pixels=settings.max_picture_pixels,
                decoded_bytes=settings.decoded_picture_bytes,
                keep_metadata=settings.keep_metadata,
            )
        )
        watch = await stack.enter_async_context(GalleryWatch(database, limit=settings.rendition_cache_bytes).running())
        stack.enter_context(on_stop_signal(progress.stop))
        stack.callback(hashing.close)
        for task in (
            background_task(worker.run(), "additions"),
            periodic_task(worker.tidy_up, "old additions", every=TIDY_UP_SECONDS),
            periodic_task(uploads.delete_expired, "expired uploads", every=EXPIRED_UPLOADS_SECONDS),
            UnusedBlobs(database, blobs, BLOB_REFERENCES).scheduled(),
            periodic_task(shares.tidy_up, "old shares", every=TIDY_UP_SECONDS),
        ):
            await stack.enter_async_context(task)
        yield Services(
            settings=settings,
            database=database,
            blobs=blobs,
            drives=drives,
            listing=listing,
            upload_sessions=uploads,
            pages=Pages(database, cache_bytes=settings.page_cache_bytes),
            shown_pictures=ShownPictures(database, renditions.files),
            additions=Additions(database, progress, worker.wake),
            open_streams=OpenStreams(resources.metrics.registry),
            renditions=renditions,
            watch=watch,
            arranging=Arranging(database, audit),
            duplicates=Duplicates(database, comparing),
            shares=shares,
            audit=audit,
        )


def open_uploads(settings: ImageHubSettings, database: Database, blobs: Blobs) -> UploadSessions:
    """The upload sessions of the built-in drive."""
    hashing = BoundedThreads(1, max_waiting=MAX_FILES_WAITING, busy="Too many files are being uploaded.")
    limits = UploadLimits(
        lifetime_seconds=settings.upload_session_seconds,
        file_bytes=settings.max_drive_file_bytes,
        drive_bytes=settings.drive_bytes,
    )
    return UploadSessions(database, blobs, limits, hashing)


def open_shares(
    settings: ImageHubSettings, database: Database, hashing: HashingThreads, audit: AuditTrail, clock: Clock
) -> Shares:
    """The links by which groups are shared."""
    return Shares(
        database,
        links=SignedLinks(settings.own_secret(), KEY_PURPOSE, clock=clock),
        passwords=SharePasswords(database, hashing, clock),
        audit=audit,
        clock=clock,
    )


def addition_worker(
    settings: ImageHubSettings,
    database: Database,
    blobs: Blobs,
    drives: Drives,
    progress: ProgressBoard,
    *,
    decoding: DecodingBudget,
    disk_space: DiskSpace | None = None,
) -> AdditionWorker:
    """The worker that adds pictures of these drives to the gallery of this database."""
    at_once = settings.adding_threads + DOWNLOADS_AHEAD
    max_pixels = settings.max_picture_pixels
    threads = DecodingThreads(
        decoding,
        settings.adding_threads,
        max_pixels=max_pixels,
        max_waiting=at_once,
        max_wait=math.inf,
        busy="Too many pictures are being added.",
    )
    return AdditionWorker(
        database,
        drives,
        AdditionStore(database, blobs, drive="onedrive" if settings.has_onedrive else "built-in"),
        Preparation(
            threads,
            sizes=settings.file_sizes,
            max_pixels=max_pixels,
            disk_space=disk_space or DiskSpace(dict),
        ),
        progress,
        pictures_at_once=at_once,
    )


SERVICE = Service(
    name="imagehub-service",
    description="Folders of pictures here or in OneDrive, and the gallery that shows them.",
    settings=ImageHubSettings,
    open=open_services,
    routers=(
        pages.router,
        visitors.router,
        drives.router,
        upload_sessions.router,
        imagehub.router,
        additions.seed_router,
        picture_files.router,
        iiif.router,
        additions.router,
        groups.router,
        arranging.router,
        pictures.router,
        duplicates.router,
        drive_connection.router,
        shares_endpoints.router,
        shared_links.router,
        picture_files.gallery_router,
        picture_files.internal_router,
    ),
    dialects=Dialects({**dict.fromkeys(IMAGEHUB_PATHS, IMAGEHUB), UPLOAD_SESSIONS_PATH: GRAPH}),
    tags={
        "ImageHub": "A gallery: folders of a drive, pictures in groups, pages of 12 groups.",
        "Gallery": "What ImageHub did not have: management of groups and pictures, search, duplicates, shared links.",
        "IIIF": "The pictures of the gallery by the IIIF Image API 3.0.",
    },
    middleware=(DoubtAfterChanges, CACHED_PICTURES),
)
create_app = SERVICE.create_app
