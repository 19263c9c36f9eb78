"""The objects that the endpoints of this service use, created once when it starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.built_in.upload_sessions.service import UploadSessions
from imagehub_service.drives.service import Drives
from lightbox_shared.blobs import Blobs
from lightbox_shared.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from lightbox_shared.service import lifespan_services


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


ServicesDep = Annotated[Services, Depends(lifespan_services)]
