"""The factory of services: `app.py` of a service describes it, and everything that services have in common is here.

    SERVICE = Service(
        name="annotation-service", description="...", settings=AnnotationSettings, routers=(...), open=open_services
    )
    create_app = SERVICE.create_app

`open_services` is an async context manager that takes `Resources` and yields the objects that the endpoints use, in a
frozen dataclass that every service calls `Services`. A service whose endpoints use only the database does not need it.
The application has a migrated database, verification of tokens, health checks, metrics, logs, error dialects and an
OpenAPI document.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic

import httpx
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy import Table
from starlette.types import ASGIApp
from typing_extensions import TypeVar  # with defaults; from Python 3.13 on it is in `typing`

from lightbox_shared.app import build_app
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.config import Settings
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import migrate
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.http import ServiceTokens, auth_access
from lightbox_shared.installation import service_named
from lightbox_shared.observability.health import Check
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.storage.blobs import Blobs, LargeBlobStore, ObjectStoreBlobs
from lightbox_shared.storage.disk_space import DiskSpace, folders_of

OwnSettings = TypeVar("OwnSettings", bound=Settings)
Services = TypeVar("Services", default=None)
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Resources(Generic[OwnSettings]):
    """The resources that every service has, open until it stops."""

    settings: OwnSettings
    database: Database
    auth_http: httpx.AsyncClient
    """An HTTP client for auth-service."""
    own_tokens: ServiceTokens
    """The access token of the service itself, for calls to other services (`lightbox_shared.http.ServiceClient`)."""
    metrics: HttpMetrics
    clock: Clock
    """Returns seconds since the epoch."""
    checks: dict[str, Check]
    """The checks of `/readyz` by name. The database is one of them; a service adds what else it depends on."""
    large_blobs: LargeBlobStore | None
    """The object store, if one is configured."""
    disk_space: DiskSpace

    def blobs(self, table: Table) -> Blobs:
        """The blobs of the service, in `table`, which it has made by `lightbox_shared.storage.blobs.blob_table`."""
        return Blobs(table, large=self.large_blobs, row_limit=self.settings.blob_row_limit)


@dataclass(frozen=True, kw_only=True)
class Service(Generic[OwnSettings, Services]):
    """The description of a service, which creates its application."""

    name: str
    description: str
    settings: type[OwnSettings]
    routers: Sequence[APIRouter]
    open: Callable[[Resources[OwnSettings]], AbstractAsyncContextManager[Services]] | None = None
    dialects: Dialects = field(default_factory=Dialects)
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags of operations, with their descriptions in the OpenAPI document."""
    verifier: Callable[[Services], TokenVerifier] | None = None
    """Makes the verifier of tokens; by default they are verified by the keys that auth-service publishes."""
    quiet_paths: frozenset[str] = frozenset()
    """Paths whose requests are counted but not logged."""
    middleware: Sequence[Callable[[ASGIApp], ASGIApp]] = ()
    """ASGI middleware, outermost first. It runs inside of the middleware for request ids, logs and errors."""

    def create_app(self, settings: OwnSettings | None = None, *, clock: Clock = time.time) -> FastAPI:
        """Create the application, by default with settings from the environment.

        Raises `pydantic.ValidationError` naming the settings that are missing or not valid.
        """
        configured = settings or self.settings()
        checks: dict[str, Check] = {}
        metrics = HttpMetrics()
        disk_space = DiskSpace(
            partial(folders_of, configured), reserve=configured.disk_reserve_bytes, registry=metrics.registry
        )

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
            database = Database(configured.database_url, pool_size=configured.database_pool_size)
            database.on_disk_full(disk_space.database_is_full)
            try:
                async with auth_access(configured, self.name) as (keys, own_tokens, auth_http), disk_space.watched():
                    await migrate(database.engine, service_named(self.name).package)
                    checks.update(database=database.check, disk=disk_space.check)
                    state = {"database": database, "disk_space": disk_space}
                    resources = Resources(
                        settings=configured,
                        database=database,
                        auth_http=auth_http,
                        own_tokens=own_tokens,
                        metrics=metrics,
                        clock=clock,
                        checks=checks,
                        large_blobs=ObjectStoreBlobs.at(configured.blob_store_url)
                        if configured.blob_store_url
                        else None,
                        disk_space=disk_space,
                    )
                    tokens = TokenVerifier(keys, issuer=configured.issuer, clock=clock)
                    if self.open is None:
                        yield {**state, "tokens": tokens}
                        return
                    async with self.open(resources) as services:
                        own = tokens if self.verifier is None else self.verifier(services)
                        yield {**state, "tokens": own, "services": services}
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
    """The `Services` of the application that got the request.

    Each service has an alias for this dependency in `state.py`:
    `ServicesDep = Annotated[Services, Depends(lifespan_services)]`.
    """
    services: object = request.state.services
    return services
