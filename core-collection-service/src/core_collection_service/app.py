"""Builds core-collection-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI

from core_collection_service.config import CoreSettings
from core_collection_service.pictures import endpoints as pictures
from core_collection_service.pictures.memory import UploadMemory
from core_collection_service.pictures.service import Pictures
from core_collection_service.pictures.submission import Limits
from core_collection_service.pictures.writer import PictureWriter
from core_collection_service.state import Services
from lightbox_shared.app import build_app
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.blobs import ObjectStoreBlobs
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.health import Check
from lightbox_shared.http import auth_access

NAME = "core-collection-service"
DESCRIPTION = "Devices send pictures, over HTTP and CoAP; programs read them back by device and time."


def create_app(settings: CoreSettings | None = None) -> FastAPI:
    """The application; settings come from the environment."""
    configured = settings or CoreSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        database = Database(configured.database_url, pool_size=configured.database_pool_size)
        try:
            async with auth_access(configured, NAME) as (keys, _own_tokens, _auth):
                await migrate(database.engine, "core_collection_service")
                async with PictureWriter(database).running() as writer:
                    services = _services(configured, database, writer)
                    checks["database"] = database.check
                    tokens = TokenVerifier(keys, issuer=configured.issuer)
                    yield {"database": database, "tokens": tokens, "access": configured.access, "services": services}
        finally:
            await database.dispose()

    return build_app(
        name=NAME,
        description=DESCRIPTION,
        settings=configured,
        lifespan=lifespan,
        routers=[pictures.router],
        checks=checks,
    )


def _services(settings: CoreSettings, database: Database, writer: PictureWriter) -> Services:
    pictures = Pictures(
        database,
        writer,
        limits=Limits(settings.max_picture_bytes, settings.max_picture_pixels),
        preparing=CapacityLimiter(settings.preparing_threads),
        large=ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None,
        row_limit=settings.blob_row_limit,
    )
    return Services(
        database=database,
        pictures=pictures,
        memory=UploadMemory(settings.max_upload_memory),
        collections=settings.collections,
        public_url=settings.public_url,
    )
