"""Builds annotation-service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from annotation_service.accounts.service import KnownAccounts
from annotation_service.assignments import endpoints as assignments
from annotation_service.assignments.leaving import Leaving
from annotation_service.assignments.queue import Queue
from annotation_service.assignments.service import Assignments
from annotation_service.blob_references import BLOB_REFERENCES
from annotation_service.clients.account_photos import AuthServicePhotos
from annotation_service.clients.accounts import AuthServiceAccounts
from annotation_service.clients.collection import CoreCollection
from annotation_service.clients.gallery import ImageHub
from annotation_service.clients.inference import InferenceService
from annotation_service.config import AnnotationSettings
from annotation_service.deletions.service import Deletions
from annotation_service.drafts import endpoints as drafts
from annotation_service.entry_point import endpoints as entry_point
from annotation_service.errors import PROBLEMS, YELDA
from annotation_service.exports import endpoints as exports
from annotation_service.exports.download import Downloads
from annotation_service.exports.service import Exports
from annotation_service.exports.worker import ExportWorker
from annotation_service.images import endpoints as images
from annotation_service.jobs import endpoints as jobs
from annotation_service.labels import endpoints as labels
from annotation_service.orm import BLOBS, IDEMPOTENCY_KEYS
from annotation_service.photos import endpoints as photos
from annotation_service.photos.service import Photos
from annotation_service.pictures import endpoints as pictures
from annotation_service.pictures.representations import Representations
from annotation_service.pictures.service import Pictures
from annotation_service.pictures.sources import picture_sources
from annotation_service.review import endpoints as review
from annotation_service.schemes import endpoints as scheme_endpoints
from annotation_service.schemes.service import Schemes
from annotation_service.state import Services
from annotation_service.statistics import endpoints as statistics
from annotation_service.statistics.service import Statistics
from annotation_service.suggestions import endpoints as suggestions
from annotation_service.suggestions.service import TELLING_SECONDS, Suggestions
from annotation_service.uploads import endpoints as uploads
from annotation_service.workflow.totals import sum_up
from lightbox_shared.audit import AuthServiceAudit
from lightbox_shared.concurrency.background import background_task, periodic_task
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.database import Database
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.http import service_http
from lightbox_shared.requests.idempotency import IdempotencyKeys
from lightbox_shared.second_prefix import API, at_both_prefixes, tag_under_api
from lightbox_shared.service import Resources, Service
from lightbox_shared.storage.unused_blobs import UnusedBlobs

SEED_PATHS: Final = ("/jobs", "/images", "/labels", "/label", "/uploads", "/download", "/accounts/performance")
"""The paths of TheYelda, which answer at the root and under `/api`."""
TAG: Final = "TheYelda"
SUM_UP_SECONDS: Final = 5
QUEUE_SECONDS: Final = 5
FORGET_SECONDS: Final = 3600
MAX_ASSIGNMENTS_WAITING: Final = 8
MAX_STATISTICS_WAITING: Final = 8
MAX_PICTURES_WAITING: Final = 16
"""Pictures that may wait to be checked or converted. Further ones get 503 with `Retry-After`."""
TIDY_UP_SECONDS: Final = 60


@asynccontextmanager
async def open_services(resources: Resources[AnnotationSettings]) -> AsyncIterator[Services]:
    """Open what the endpoints use, with the tasks that read changes of accounts and tidy up."""
    settings, database, tokens = resources.settings, resources.database, resources.own_tokens
    blobs, max_pixels = resources.blobs(BLOBS), settings.max_picture_pixels
    accounts = KnownAccounts(database, AuthServiceAccounts(resources.auth_http, tokens))
    idempotency = IdempotencyKeys(IDEMPOTENCY_KEYS)
    budget = DecodingBudget(settings.decoding_bytes)
    checking = DecodingThreads(
        budget, 1, max_pixels=max_pixels, max_waiting=MAX_PICTURES_WAITING, busy="Too many pictures are being uploaded."
    )
    showing = DecodingThreads(
        budget,
        1,
        max_pixels=max_pixels,
        max_waiting=MAX_PICTURES_WAITING,
        busy="Too many pictures are being converted.",
    )
    calculating = BoundedThreads(1, max_waiting=MAX_STATISTICS_WAITING, busy="Too many statistics are being made.")
    assigning = BoundedThreads(1, max_waiting=MAX_ASSIGNMENTS_WAITING, busy="Too many assignments are being made.")
    queue = Queue(database, lease_seconds=settings.lease_seconds)
    leaving = Leaving(database, assigning)
    schemes = Schemes()
    photo_accounts = AuthServicePhotos(resources.auth_http, tokens)
    audit = AuthServiceAudit(resources.auth_http, tokens)
    worker = ExportWorker(database, lifetime_seconds=settings.export_lifetime_seconds)
    async with AsyncExitStack() as stack:
        inference_http = await stack.enter_async_context(service_http(settings.inference_service_url))
        core_http = await stack.enter_async_context(service_http(settings.core_collection_service_url))
        hub_http = await stack.enter_async_context(service_http(settings.imagehub_service_url))
        inference = InferenceService(inference_http, tokens)
        suggesting = Suggestions(database, blobs, inference)
        sources = picture_sources(database, inference, CoreCollection(core_http, tokens), ImageHub(hub_http, tokens))
        for task in (
            periodic_task(accounts.refresh, "accounts", every=settings.account_poll_seconds, first_after=0),
            periodic_task(queue.end_leases, "leases", every=QUEUE_SECONDS),
            periodic_task(leaving.reassign_jobs_of_the_gone, "doctors who left", every=QUEUE_SECONDS),
            periodic_task(partial(sum_up, database), "totals", every=SUM_UP_SECONDS),
            periodic_task(suggesting.tell_truths, "labels for predictions", every=TELLING_SECONDS),
            periodic_task(partial(_forget_keys, database, idempotency), "idempotency keys", every=FORGET_SECONDS),
            background_task(worker.run(), "exports"),
            periodic_task(worker.tidy_up, "old exports", every=TIDY_UP_SECONDS),
            UnusedBlobs(database, blobs, BLOB_REFERENCES).scheduled(),
        ):
            await stack.enter_async_context(task)
        representations = Representations(database, blobs, threads=showing, max_pixels=max_pixels)
        stack.push_async_callback(representations.close)
        yield Services(
            settings=settings,
            database=database,
            blobs=blobs,
            accounts=accounts,
            schemes=schemes,
            pictures=Pictures(
                blobs, threads=checking, sources=sources, sizes=settings.file_sizes, max_pixels=max_pixels
            ),
            representations=representations,
            assignments=Assignments(database, accounts, schemes, assigning),
            queue=queue,
            leaving=leaving,
            statistics=Statistics(schemes, calculating),
            photos=Photos(database, photo_accounts, threads=checking, max_pixels=max_pixels),
            deletions=Deletions(database, audit),
            exports=Exports(database, audit, worker.wake),
            downloads=Downloads(database, audit),
            idempotency=idempotency,
            suggestions=suggesting,
        )


async def _forget_keys(database: Database, keys: IdempotencyKeys) -> None:
    async with database.writing() as session:
        await keys.forget_old(session)


SEED_ROUTERS: Final = (
    jobs.router,
    labels.router,
    images.router,
    pictures.router,
    uploads.router,
    photos.router,
    statistics.seed_router,
    exports.seed_router,
)
"""What TheYelda has had from the beginning; what is called most comes first."""

SERVICE = Service(
    name="annotation-service",
    description="Doctors label medical images, several of them each; what they agree on is the ground truth.",
    settings=AnnotationSettings,
    open=open_services,
    routers=(
        *at_both_prefixes(*SEED_ROUTERS, tag=TAG),
        entry_point.router,
        drafts.router,
        assignments.router,
        review.router,
        scheme_endpoints.router,
        statistics.router,
        suggestions.router,
        exports.router,
    ),
    dialects=Dialects({prefix + path: YELDA for path in SEED_PATHS for prefix in ("", API)}, default=PROBLEMS),
    tags={
        TAG: "Doctors label images: jobs, labels, and images with their results.",
        tag_under_api(TAG): "The same resources where TheYelda's web clients call. Here a DELETE answers 200 with its "
        "message, and authorities are numbers.",
        "Labelling": "What TheYelda did not have: drafts, assignments, label schemes, agreement and exports.",
    },
)
create_app = SERVICE.create_app
