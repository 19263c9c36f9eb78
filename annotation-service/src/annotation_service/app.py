"""Builds annotation-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from annotation_service.config import AnnotationSettings
from annotation_service.errors import PROBLEMS, YELDA
from annotation_service.orm import BLOBS
from annotation_service.schemes import endpoints as schemes
from annotation_service.schemes.service import Schemes
from annotation_service.state import Services
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.second_prefix import API
from lightbox_shared.service import Resources, Service

SEED_PATHS = ("/jobs", "/images", "/labels", "/label", "/uploads", "/download", "/accounts/performance")
"""The paths of TheYelda, which answer at the root and under `/api`."""


@asynccontextmanager
async def open_services(resources: Resources[AnnotationSettings]) -> AsyncIterator[Services]:
    """Open what the endpoints use."""
    yield Services(
        settings=resources.settings,
        database=resources.database,
        blobs=resources.blobs(BLOBS),
        schemes=Schemes(),
    )


SERVICE = Service(
    name="annotation-service",
    description="Doctors label medical images, several of them each; what they agree on is the ground truth.",
    settings=AnnotationSettings,
    open=open_services,
    routers=(schemes.router,),
    tags={"Labelling": "What labelling has beyond TheYelda: schemes, assignments, agreement, exports."},
    dialects=Dialects({prefix + path: YELDA for path in SEED_PATHS for prefix in ("", API)}, default=PROBLEMS),
)
create_app = SERVICE.create_app
