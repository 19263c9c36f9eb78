"""Builds core-collection-service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from anyio import CapacityLimiter

from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.server import CoapOptions, running_server
from core_collection_service.config import CoreSettings
from core_collection_service.devices import endpoints as devices
from core_collection_service.devices.service import Devices
from core_collection_service.discovery import endpoints as discovery
from core_collection_service.events import endpoints as events
from core_collection_service.events.feed import PictureFeed
from core_collection_service.orm import ANONYMOUS
from core_collection_service.pictures.delete import endpoints as delete
from core_collection_service.pictures.delete.service import Deletions
from core_collection_service.pictures.lists.service import PictureLists
from core_collection_service.pictures.read import endpoints as read
from core_collection_service.pictures.read.service import Pictures
from core_collection_service.pictures.response_cache import CACHED_PICTURES
from core_collection_service.pictures.storage.repository import LARGEST_AT_ONCE
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.submit import endpoints as submit
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.pictures.submit.metrics import SubmissionMetrics
from core_collection_service.pictures.submit.service import Submissions
from core_collection_service.pictures.submit.writer import PictureWriter
from core_collection_service.pictures.thumbnails.service import Thumbnails
from core_collection_service.protocol.documents import Format
from core_collection_service.protocol.problems import PROBLEMS
from core_collection_service.retention import endpoints as retention_endpoints
from core_collection_service.retention.anonymous import AnonymousRetention
from core_collection_service.retention.rules import RetentionRules
from core_collection_service.retention.schedule import scheduled_retention
from core_collection_service.retention.service import Retention
from core_collection_service.state import Services
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.audit import AuthServiceAudit
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.concurrency.memory_budget import MemoryBudget, UploadMemoryBudget
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.images import dicom as _dicom  # noqa: F401 - loaded here, or the first picture waits for it
from lightbox_shared.responses.cache import ResponseCache
from lightbox_shared.responses.streams import OpenStreams
from lightbox_shared.service import Resources, Service

BATCH_MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Of originals in batches that are assembled at one moment: four of the largest ones (`lists.responses`)."""


@asynccontextmanager
async def open_services(resources: Resources[CoreSettings]) -> AsyncIterator[Services]:
    """The parts, with the tasks that write pictures, publish them and apply the rules of retention, and with CoAP where
    it is served."""
    settings, database, registry = resources.settings, resources.database, resources.metrics.registry
    preparing, reading = CapacityLimiter(settings.preparing_threads), CapacityLimiter(settings.reading_threads)
    decoding = DecodingBudget(settings.decoding_bytes)
    large, row_limit = resources.large_blobs, settings.blob_row_limit
    storage = PictureStorage(database, preparing=preparing, reading=reading, large=large, row_limit=row_limit)
    limits = PictureLimits(settings.file_sizes, settings.max_picture_pixels)
    batch_memory = max(BATCH_MEMORY_BYTES, limits.max_bytes)
    delete_objects = storage.delete_objects if large else None
    retention = Retention(database, delete_objects)
    anonymous_retention = AnonymousRetention(database, delete_objects, days=settings.anonymous_retention_days)
    anonymous = AnonymousStorage(database, ANONYMOUS, settings.anonymous_limits, clock=resources.clock)
    audit = AuthServiceAudit(resources.auth_http, resources.own_tokens)
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(PictureWriter(database).running())
        feed = await stack.enter_async_context(PictureFeed(database).running())
        thumbnail_threads = DecodingThreads(
            decoding,
            settings.thumbnail_threads,
            max_pixels=limits.max_pixels,
            busy="Too many thumbnails are being made.",
        )
        thumbnails = Thumbnails(storage, threads=thumbnail_threads, max_pixels=limits.max_pixels)
        stack.push_async_callback(thumbnails.close)
        cache = ResponseCache[str](settings.response_cache_bytes, feed.listening.is_set, largest=LARGEST_AT_ONCE)
        feed.on_deletion(cache.clear)
        services = Services(
            access=settings.access,
            collections=settings.collections,
            submissions=Submissions(writer, storage, limits, SubmissionMetrics(registry), anonymous),
            pictures=Pictures(database),
            storage=storage,
            disk_space=resources.disk_space,
            lists=PictureLists(database),
            thumbnails=thumbnails,
            deletions=Deletions(database, storage, audit, cache.clear),
            response_cache=cache,
            devices=Devices(database),
            retention_rules=RetentionRules(
                database,
                audit,
                anonymous_days=settings.anonymous_retention_days,
            ),
            feed=feed,
            open_streams=OpenStreams(registry),
            upload_memory=UploadMemoryBudget(settings.max_upload_memory, max(map(limits.largest_document, Format))),
            batch_memory=MemoryBudget(batch_memory, "Too many batches are being read."),
        )
        await stack.enter_async_context(scheduled_retention(retention))
        await stack.enter_async_context(anonymous_retention.scheduled(anonymous))
        if settings.serves_coap:
            server = await stack.enter_async_context(
                running_server(services, _coap_options(settings), CoapMetrics(registry))
            )
            resources.checks["coap"] = server.check
        yield services


def _coap_options(settings: CoreSettings) -> CoapOptions:
    return CoapOptions(
        host=settings.coap_host,
        port=settings.coap_udp_port,
        credentials=settings.coap_credentials,
        multicast=settings.coap_multicast,
        unfinished_bytes=settings.max_upload_memory // 2,  # the rest is left for HTTP
    )


SERVICE = Service(
    name="core-collection-service",
    description="Devices send pictures, over HTTP and CoAP; programs read them back by device and time.",
    settings=CoreSettings,
    open=open_services,
    # The operations that are called most come first of those that could match; fixed paths come before `{collection}`.
    routers=(
        submit.router,
        discovery.router,
        devices.router,
        events.router,
        read.direct_router,
        read.router,
        read.internal_router,
        delete.router,
        retention_endpoints.router,
        retention_endpoints.readers_router,
    ),
    dialects=Dialects({"/collections": PROBLEMS, "/.well-known/core": PROBLEMS}),
    tags={
        "CoRE collection": "Devices send pictures, in JSON or CBOR; programs read them back by device and time, list "
        "them, and see them arrive. The collections are discovered by RFC 6690.",
        "Retention": "How long the pictures of devices are kept, and how many bytes of them.",
    },
    middleware=(CACHED_PICTURES,),
)
create_app = SERVICE.create_app
