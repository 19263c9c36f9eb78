"""Builds inference-service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from inference_service.clients.accounts import AuthServiceAccounts
from inference_service.config import BUNDLED_MODELS, InferenceSettings
from inference_service.covid19 import endpoints as covid19
from inference_service.covid19.errors import COVID19
from inference_service.covid19.service import LABELS
from inference_service.covid19.service import SYSTEM as COVID19_SYSTEM
from inference_service.model_repository import endpoints as models
from inference_service.model_repository.catalog import ModelCatalog
from inference_service.orm import BLOBS
from inference_service.predictions import endpoints as predictions
from inference_service.predictions.service import PictureReader
from inference_service.runtime.engine import Engine, usable_cores
from inference_service.runtime.scheduler import Scheduler
from inference_service.state import Services
from inference_service.xrays import endpoints as xrays
from inference_service.xrays.errors import CHEXRAY
from inference_service.xrays.service import FINDINGS, MEDIA_PATH
from inference_service.xrays.service import SYSTEM as CHEXRAY_SYSTEM
from lightbox_shared.app import build_app
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.blobs import Blobs, ObjectStoreBlobs
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.health import Check
from lightbox_shared.http import auth_access
from lightbox_shared.links import SignedLinks

NAME = "inference-service"
DESCRIPTION = (
    "Reads pictures with ONNX models. The bundled models are demonstrations trained on synthetic phantoms: "
    "no medical device, no clinical claim."
)
DIALECTS = Dialects({"/api/chexray": CHEXRAY, "/alive": COVID19, "/predict": COVID19})


def create_app(settings: InferenceSettings | None = None) -> FastAPI:
    """The application; settings come from the environment."""
    configured = settings or InferenceSettings()
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        database = Database(configured.database_url, pool_size=configured.database_pool_size)
        cores = usable_cores(configured.inference_cores)
        scheduler = Scheduler(cores=cores, queue_limit=configured.inference_queue)
        try:
            async with auth_access(configured, NAME) as (keys, own_tokens, auth):
                await migrate(database.engine, "inference_service")
                repositories = (BUNDLED_MODELS, *configured.model_repository)
                catalog = await to_thread.run_sync(ModelCatalog.scan, repositories)
                engine = Engine(scheduler, cores=cores, providers=configured.onnx_providers)
                services = Services(
                    accounts=AuthServiceAccounts(auth, own_tokens),
                    blobs=_blobs(configured),
                    database=database,
                    catalog=catalog,
                    engine=engine,
                    reader=PictureReader(engine, decoders=cores, max_pixels=configured.max_picture_pixels),
                    rendering=CapacityLimiter(1),
                    links=SignedLinks(configured.own_secret(), MEDIA_PATH),
                    chexray=await engine.load(catalog.serving(CHEXRAY_SYSTEM, configured.chexray_model, FINDINGS)),
                    covid19=await engine.load(catalog.serving(COVID19_SYSTEM, configured.covid19_model, LABELS)),
                    max_picture_bytes=configured.max_picture_bytes,
                    max_picture_pixels=configured.max_picture_pixels,
                    picture_link_seconds=configured.picture_link_seconds,
                    public_url=configured.public_url,
                )
                checks["database"] = database.check
                tokens = TokenVerifier(keys, issuer=configured.issuer)
                yield {"database": database, "tokens": tokens, "services": services}
        finally:
            await scheduler.close()
            await database.dispose()

    return build_app(
        name=NAME,
        description=DESCRIPTION,
        settings=configured,
        lifespan=lifespan,
        routers=[xrays.router, covid19.router, predictions.router, models.router],
        checks=checks,
        dialects=DIALECTS,
    )


def _blobs(settings: InferenceSettings) -> Blobs:
    large = ObjectStoreBlobs.at(settings.blob_store_url) if settings.blob_store_url else None
    return Blobs(BLOBS, large=large, row_limit=settings.blob_row_limit)
