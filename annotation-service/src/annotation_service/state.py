"""The objects that the endpoints of this service use, created once when it starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from annotation_service.accounts.service import KnownAccounts
from annotation_service.assignments.leaving import Leaving
from annotation_service.assignments.queue import Queue
from annotation_service.assignments.service import Assignments
from annotation_service.config import AnnotationSettings
from annotation_service.deletions.service import Deletions
from annotation_service.exports.download import Downloads
from annotation_service.exports.service import Exports
from annotation_service.photos.service import Photos
from annotation_service.pictures.representations import Representations
from annotation_service.pictures.service import Pictures
from annotation_service.schemes.service import Schemes
from annotation_service.statistics.service import Statistics
from annotation_service.suggestions.service import Suggestions
from lightbox_shared.database import Database
from lightbox_shared.requests.idempotency import IdempotencyKeys
from lightbox_shared.service import lifespan_services
from lightbox_shared.storage.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that the endpoints of this service use."""

    settings: AnnotationSettings
    database: Database
    blobs: Blobs
    accounts: KnownAccounts
    schemes: Schemes
    pictures: Pictures
    representations: Representations
    photos: Photos
    assignments: Assignments
    queue: Queue
    leaving: Leaving
    statistics: Statistics
    deletions: Deletions
    exports: Exports
    downloads: Downloads
    idempotency: IdempotencyKeys
    suggestions: Suggestions


ServicesDep = Annotated[Services, Depends(lifespan_services)]
