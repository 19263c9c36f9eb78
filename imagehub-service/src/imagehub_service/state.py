"""The objects that the endpoints of this service use, created once when it starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.built_in.upload_sessions.service import UploadSessions
from imagehub_service.drives.service import Drives
from imagehub_service.gallery.adding.service import Additions
from imagehub_service.gallery.arranging.service import Arranging
from imagehub_service.gallery.duplicates.service import Duplicates
from imagehub_service.gallery.pages.pictures import ShownPictures
from imagehub_service.gallery.pages.service import Pages
from imagehub_service.gallery.shares.service import Shares
from imagehub_service.picture_files.service import Renditions
from imagehub_service.picture_files.watch import GalleryWatch
from lightbox_shared.audit import AuditTrail
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from lightbox_shared.responses.streams import OpenStreams
from lightbox_shared.service import lifespan_services
from lightbox_shared.storage.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that the endpoints of this service use."""

    settings: ImageHubSettings
    database: Database
    blobs: Blobs
    drives: Drives
    upload_sessions: UploadSessions
    listing: BoundedThreads
    """Where long lists are written."""
    pages: Pages
    shown_pictures: ShownPictures
    additions: Additions
    open_streams: OpenStreams
    renditions: Renditions
    watch: GalleryWatch
    arranging: Arranging
    duplicates: Duplicates
    shares: Shares
    audit: AuditTrail


ServicesDep = Annotated[Services, Depends(lifespan_services)]
