"""The application factory, which gives all services the same middleware, error handling and operational paths."""

import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from lightbox_shared.concurrency.memory_budget import UploadMemoryBudget
from lightbox_shared.config import Settings
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.errors.handlers import install_error_handlers
from lightbox_shared.observability.context import RequestContext
from lightbox_shared.observability.health import Check, health_router
from lightbox_shared.observability.logging import configure_logging, log_what_is_open
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.openapi import describe, operation_id
from lightbox_shared.requests.lingering import LingeringClose
from lightbox_shared.requests.room_for_bodies import RoomForBodies
from lightbox_shared.responses.head import HeadAsGet

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]
"""Opens the resources of a service and yields the lifespan state, whose members requests find in `request.state`."""


def build_app(
    *,
    name: str,
    description: str,
    settings: Settings,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    checks: Mapping[str, Check],
    dialects: Dialects | None = None,
    metrics: HttpMetrics | None = None,
    tags: Mapping[str, str] | None = None,
    quiet_paths: frozenset[str] = frozenset(),
    middleware: Sequence[Callable[[ASGIApp], ASGIApp]] = (),
) -> FastAPI:
    """A FastAPI application with health, metrics, logs, request ids and error dialects in place.

    `tags` maps the tags of operations to their descriptions. `quiet_paths` are paths whose requests are counted but not
    logged. `middleware` is the service's own ASGI middleware, outermost first; it runs inside of the middleware for
    request ids, logs and errors. `checks` is read at each request of `/readyz`, so the lifespan may still add to it.
    """
    configure_logging(name, settings.log_level, settings.log_format)
    dialects = dialects or Dialects()
    metrics = metrics or HttpMetrics()

    @asynccontextmanager
    async def with_state(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with lifespan(app) as state:
            log_what_is_open(settings.open_to_strangers())
            gc.collect()
            gc.freeze()  # what was loaded until now stays in memory: later collections need not look at it
            memory = UploadMemoryBudget(settings.max_upload_memory, settings.file_sizes.largest)
            yield {"settings": settings, "upload_memory": memory, **state}

    app = FastAPI(
        title=f"Lightbox {name}",
        description=description,
        version="0.1.0",
        lifespan=with_state,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_tags=[{"name": name, "description": text} for name, text in (tags or {}).items()],
        generate_unique_id_function=operation_id,
    )
    app.openapi = cache(lambda: describe(app, dialects))  # type: ignore[method-assign]  # FastAPI's way to extend it
    install_error_handlers(app, dialects)
    app.include_router(health_router(checks, metrics))
    for router in routers:
        app.include_router(router)
    for each in reversed(middleware):
        app.add_middleware(each)
    app.add_middleware(RoomForBodies)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestContext, dialects=dialects, metrics=metrics, quiet=quiet_paths)
    app.add_middleware(LingeringClose)
    return app
