"""One way to build a service: `app.py` says what is special about it, and everything else is here.

    SERVICE = Service(
        name="annotation-service", description="...", settings=AnnotationSettings, routers=(...), open=open_services
    )
    create_app = SERVICE.create_app

`open_services` is an async context manager that takes `Resources` and yields what the endpoints work with, a frozen
dataclass that every service calls `Services`; a service whose endpoints need nothing but the database does without.
Around it the service gets its database (migrated before), the verification of tokens, health, metrics, logs, error
dialects and the OpenAPI document.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic

import httpx
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy import Table
from starlette.types import ASGIApp
from typing_extensions import TypeVar  # with defaults; from Python 3.13 on it is in `typing`

from lightbox_shared.app import build_app
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.blobs import Blobs, LargeBlobs, ObjectStoreBlobs
from lightbox_shared.config import Settings
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.health import Check
from lightbox_shared.http import ServiceTokens, auth_access
from lightbox_shared.installation import service_named
from lightbox_shared.metrics import HttpMetrics

OwnSettings = TypeVar("OwnSettings", bound=Settings)
Services = TypeVar("Services", default=None)
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Resources(Generic[OwnSettings]):
    """What every service has, open for as long as it runs."""

    settings: OwnSettings
    database: Database
    auth_http: httpx.AsyncClient
    """A client of auth-service's internal paths."""
    own_tokens: ServiceTokens
    """The service's own tokens, for calls of other services (`lightbox_shared.http.ServiceClient`)."""
    metrics: HttpMetrics
    clock: Clock
    """Seconds since the epoch."""
    checks: dict[str, Check]
    """What `/readyz` asks. The database is in it; a service adds what else it can't do without."""

    @property
    def large_blobs(self) -> LargeBlobs | None:
        """The object store, where one is configured."""
        return ObjectStoreBlobs.at(self.settings.blob_store_url) if self.settings.blob_store_url else None

    def blobs(self, table: Table) -> Blobs:
        """The blobs of a service whose table for them is `table` (`lightbox_shared.blobs.blob_table`)."""
        return Blobs(table, large=self.large_blobs, row_limit=self.settings.blob_row_limit)


@dataclass(frozen=True, kw_only=True)
class Service(Generic[OwnSettings, Services]):
    """The description of a service, and the factory of its application."""

    name: str
    description: str
    settings: type[OwnSettings]
    routers: Sequence[APIRouter]
    open: Callable[[Resources[OwnSettings]], AbstractAsyncContextManager[Services]] | None = None
    dialects: Dialects = field(default_factory=Dialects)
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tag of operations -> its description in the OpenAPI document."""
    verifier: Callable[[Services], TokenVerifier] | None = None
    """By default tokens are verified with the keys that auth-service publishes."""
    quiet_paths: frozenset[str] = frozenset()
    """Paths that are requested all the time and not logged."""
    middleware: Sequence[Callable[[ASGIApp], ASGIApp]] = ()
    """ASGI middleware, from the outermost; request ids, logs and error dialects are around it."""

    def create_app(self, settings: OwnSettings | None = None, *, clock: Clock = time.time) -> FastAPI:
        """The application; by default its settings come from the environment. Raises `pydantic.ValidationError` naming
        the setting that is missing or wrong."""
        configured = settings or self.settings()
        checks: dict[str, Check] = {}
        metrics = HttpMetrics()

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            database = Database(configured.database_url, pool_size=configured.database_pool_size)
            try:
                async with auth_access(configured, self.name) as (keys, own_tokens, auth_http):
                    await migrate(database.engine, service_named(self.name).package)
                    checks["database"] = database.check
                    resources = Resources(configured, database, auth_http, own_tokens, metrics, clock, checks)
                    tokens = TokenVerifier(keys, issuer=configured.issuer, clock=clock)
                    if self.open is None:
                        yield {"database": database, "tokens": tokens}
                        return
                    async with self.open(resources) as services:
                        own = tokens if self.verifier is None else self.verifier(services)
                        yield {"database": database, "tokens": own, "services": services}
            finally:
                await database.dispose()

        return build_app(
            name=self.name,
            description=self.description,
            settings=configured,
            lifespan=lifespan,
            routers=self.routers,
            checks=checks,
            dialects=self.dialects,
            metrics=metrics,
            tags=self.tags,
            quiet_paths=self.quiet_paths,
            middleware=self.middleware,
        )


async def lifespan_services(request: Request) -> object:
    """The `Services` of the application that got the request. Each service has one alias for it, in `state.py`:
    `ServicesDep = Annotated[Services, Depends(lifespan_services)]`."""
    services: object = request.state.services
    return services
