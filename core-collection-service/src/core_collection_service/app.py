"""Builds core-collection-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI

from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.server import CoapOptions, serving
from core_collection_service.config import CoreSettings
from core_collection_service.devices import endpoints as devices
from core_collection_service.devices.service import Devices
from core_collection_service.discovery import endpoints as discovery
from core_collection_service.events import endpoints as events
from core_collection_service.events.feed import PictureFeed
from core_collection_service.events.streams import Streams
from core_collection_service.pictures import endpoints as pictures
from core_collection_service.pictures.listing import Listings
from core_collection_service.pictures.memory_budget import MemoryBudget, UploadMemoryBudget
from core_collection_service.pictures.metrics import PictureMetrics
from core_collection_service.pictures.response_cache import ResponseCache, ResponseCacheMiddleware
from core_collection_service.pictures.service import Pictures
from core_collection_service.pictures.submission import Limits
from core_collection_service.pictures.thumbnails import Thumbnails
from core_collection_service.pictures.writer import PictureWriter
from core_collection_service.protocol.problems import PROBLEMS
from core_collection_service.retention import schedule
from core_collection_service.retention.service import Retention
from core_collection_service.state import Services
from lightbox_shared.app import build_app
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.blobs import ObjectStoreBlobs
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.health import Check
from lightbox_shared.http import auth_access
from lightbox_shared.images import dicom as _dicom  # noqa: F401 - loaded here, or the first picture waits for it
from lightbox_shared.metrics import HttpMetrics

NAME = "core-collection-service"
DIALECTS = Dialects({"/collections": PROBLEMS, "/.well-known/core": PROBLEMS})
BATCH_MEMORY_BYTES = 64_000_000
"""Pictures in batches that are put together at one moment; four of the largest ones (`list_endpoints`)."""
DESCRIPTION = "Devices send pictures, over HTTP and CoAP; programs read them back by device and time."


def create_app(settings: CoreSettings | None = None) -> FastAPI:
    """The application; settings come from the environment."""
    configured = settings or CoreSettings()
    checks: dict[str, Check] = {}
    metrics = HttpMetrics()
    coap_metrics, picture_metrics = CoapMetrics(metrics.registry), PictureMetrics(metrics.registry)
    streams = Streams(metrics.registry)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        database = Database(configured.database_url, pool_size=configured.database_pool_size)
        try:
            async with auth_access(configured, NAME) as (keys, _own_tokens, _auth):
                await migrate(database.engine, "core_collection_service")
                async with PictureWriter(database).running() as writer, PictureFeed(database).running() as feed:
                    services = _services(configured, database, writer, feed, metrics=picture_metrics, streams=streams)
                    checks["database"] = database.check
                    tokens = TokenVerifier(keys, issuer=configured.issuer)
                    forget = services.pictures.forget_objects if configured.blob_store_url else None
                    async with (
                        schedule.applied(Retention(database, forget)),
                        _coap(configured, services, coap_metrics, checks),
                    ):
                        yield {
                            "database": database,
                            "tokens": tokens,
                            "access": configured.access,
                            "services": services,
                        }
        finally:
            await database.dispose()

    return build_app(
        name=NAME,
        description=DESCRIPTION,
        settings=configured,
        lifespan=lifespan,
        routers=[
            pictures.sending,
            discovery.router,
            devices.router,
            events.router,
            pictures.reading,
            pictures.router,
        ],
        checks=checks,
        dialects=DIALECTS,
        metrics=metrics,
        middleware=[ResponseCacheMiddleware],
    )


@asynccontextmanager
async def _coap(
    settings: CoreSettings, services: Services, metrics: CoapMetrics, checks: dict[str, Check]
) -> AsyncIterator[None]:
    """CoAP on the same event loop, where it is served; half of the memory for uploads is for those it has not whole."""
    if not settings.serves_coap:
        yield
        return
    options = CoapOptions(
        host=settings.coap_host,
        port=settings.coap_udp_port,
        access=settings.access,
        credentials=settings.coap_credentials,
        multicast=settings.coap_multicast,
        unfinished_bytes=settings.max_upload_memory // 2,
    )
    async with serving(services, options, metrics) as served:
        checks["coap"] = served.check
        yield


def _services(
    settings: CoreSettings,
    database: Database,
    writer: PictureWriter,
    feed: PictureFeed,
    *,
    metrics: PictureMetrics,
    streams: Streams,
) -> Services:
    preparing = CapacityLimiter(settings.preparing_threads)
    response_cache = ResponseCache(settings.response_cache_bytes, feed.listening.is_set)
    feed.at_deletions(response_cache.clear)
    pictures = Pictures(
        database,
        writer,
        limits=Limits(settings.max_picture_bytes, settings.max_picture_pixels),
        preparing=preparing,
        large=ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None,
        row_limit=settings.blob_row_limit,
        metrics=metrics,
        deleted=response_cache.clear,
    )
    return Services(
        database=database,
        pictures=pictures,
        response_cache=response_cache,
        thumbnails=Thumbnails(pictures, preparing=preparing, max_pixels=settings.max_picture_pixels),
        listings=Listings(database),
        devices=Devices(database),
        feed=feed,
        streams=streams,
        memory=UploadMemoryBudget(settings.max_upload_memory),
        batch_memory=MemoryBudget(
            max(BATCH_MEMORY_BYTES, settings.max_picture_bytes), "Too many batches are being read."
        ),
        collections=settings.collections,
        public_url=settings.public_url,
    )
