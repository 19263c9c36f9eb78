"""The application of inference-service."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from anyio import to_thread

from inference_service.blob_references import BLOB_REFERENCES
from inference_service.clients.accounts import AuthServiceAccounts
from inference_service.config import BUNDLED_MODELS, InferenceSettings
from inference_service.covid19 import endpoints as covid19
from inference_service.covid19.errors import COVID19
from inference_service.covid19.service import LABELS
from inference_service.covid19.service import SYSTEM as COVID19_SYSTEM
from inference_service.deletions import endpoints as deletions
from inference_service.model_repository import endpoints as model_repository
from inference_service.model_repository.catalog import ModelCatalog
from inference_service.orm import ANONYMOUS, BLOBS
from inference_service.predictions import endpoints as predictions
from inference_service.predictions.account_turns import AccountTurns
from inference_service.predictions.service import Predictor
from inference_service.renditions.service import Renditions
from inference_service.retention.service import AnonymousRetention
from inference_service.runtime import endpoints as runtime
from inference_service.runtime.engine import Engine, usable_cores
from inference_service.runtime.metrics import SchedulerMetrics
from inference_service.runtime.scheduler import Scheduler
from inference_service.state import Services
from inference_service.xrays import endpoints as xrays
from inference_service.xrays.errors import CHEXRAY
from inference_service.xrays.service import FINDINGS, MAX_RENDERINGS_WAITING, MEDIA_PATH, RENDERING_BUSY
from inference_service.xrays.service import SYSTEM as CHEXRAY_SYSTEM
from lightbox_shared.anonymous_storage.service import AnonymousStorage
from lightbox_shared.auth.signed_links import SignedLinks
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.service import Resources, Service
from lightbox_shared.storage.unused_blobs import UnusedBlobs


@asynccontextmanager
async def open_services(resources: Resources[InferenceSettings]) -> AsyncIterator[Services]:
    """Open what the endpoints use, and load the models of CheXRay and of the COVID-19 API. Raises `ModelError`."""
    settings = resources.settings
    cores = usable_cores(settings.inference_cores)
    budget, max_pixels = DecodingBudget(settings.decoding_bytes), settings.max_picture_pixels
    # The scheduler of models bounds the queues before the first two.
    decoding = DecodingThreads(budget, cores, max_pixels=max_pixels, max_waiting=sys.maxsize)
    drawing = DecodingThreads(budget, 1, max_pixels=max_pixels, max_waiting=sys.maxsize)
    rendering = DecodingThreads(
        budget, 1, max_pixels=max_pixels, max_waiting=MAX_RENDERINGS_WAITING, busy=RENDERING_BUSY
    )
    windows = DecodingThreads(budget, 1, max_pixels=max_pixels, busy=RENDERING_BUSY)
    scheduler = Scheduler(cores=cores, queue_limit=settings.inference_queue)
    resources.metrics.registry.register(SchedulerMetrics(scheduler))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(scheduler.close)
        catalog = await to_thread.run_sync(ModelCatalog.scan, (BUNDLED_MODELS, *settings.model_repository))
        engine = Engine(scheduler, cores=cores, providers=settings.onnx_providers)
        database, blobs = resources.database, resources.blobs(BLOBS)
        renditions = Renditions(database, blobs)
        stack.push_async_callback(renditions.close)
        anonymous = AnonymousStorage(database, ANONYMOUS, settings.anonymous_limits, clock=resources.clock)
        retention = AnonymousRetention(database, anonymous, days=settings.anonymous_retention_days)
        await stack.enter_async_context(retention.scheduled())
        await stack.enter_async_context(UnusedBlobs(database, blobs, BLOB_REFERENCES).scheduled())
        yield Services(
            anonymous=anonymous,
            accounts=AuthServiceAccounts(resources.auth_http, resources.own_tokens),
            blobs=blobs,
            database=database,
            catalog=catalog,
            engine=engine,
            predictor=Predictor(engine, decoding=decoding, drawing=drawing, max_pixels=max_pixels),
            renditions=renditions,
            rendering=rendering,
            windows=windows,
            window_turns=AccountTurns(),
            links=SignedLinks(settings.own_secret(), MEDIA_PATH),
            chexray=await engine.load(catalog.serving(CHEXRAY_SYSTEM, settings.chexray_model, FINDINGS)),
            covid19=await engine.load(catalog.serving(COVID19_SYSTEM, settings.covid19_model, LABELS)),
            max_picture_pixels=max_pixels,
            picture_link_seconds=settings.picture_link_seconds,
            public_url=settings.public_url,
        )


SERVICE = Service(
    name="inference-service",
    description="Reads pictures with ONNX models. The bundled models are demonstrations trained on synthetic phantoms: "
    "no medical device, no clinical claim.",
    settings=InferenceSettings,
    open=open_services,
    routers=(
        xrays.router,
        xrays.internal_router,
        covid19.router,
        predictions.router,
        deletions.router,
        predictions.internal_router,
        model_repository.router,
        runtime.router,
    ),
    dialects=Dialects({"/api/chexray": CHEXRAY, "/alive": COVID19, "/predict": COVID19}),
    tags={
        "CheXRay": "Findings in chest X-rays, with a history for each account.",
        "COVID-19": "COVID-19 or normal, for one chest X-ray.",
        "Predictions": "Any model of the repository reads a picture; each answer is kept with all that made it.",
        "Models": "The models that are installed, their cards, and the queue before them.",
    },
)
create_app = SERVICE.create_app
