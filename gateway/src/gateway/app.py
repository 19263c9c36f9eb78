"""Puts the gateway together: `create_app()` and `serve()` for `python -m lightbox_shared.serve gateway`."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import httpx
import uvloop
from starlette.responses import Response

from gateway.access_log import AccessLog
from gateway.api_keys import ApiKeys
from gateway.circuit_breaker import CircuitBreaker
from gateway.clients.auth import AuthServiceFeed, AuthServiceKeys
from gateway.clients.services import TIMEOUT_SECONDS, HttpServices
from gateway.config import GatewaySettings
from gateway.cors import Cors
from gateway.csrf import CrossSite
from gateway.gateway_app import GatewayApp
from gateway.identity import Identity
from gateway.limits import RateLimits
from gateway.openapi import PlatformDocument
from gateway.pages import Pages, load_docs
from gateway.proxy import Proxy
from gateway.revocations import Revocations
from gateway.routes import Routes
from gateway.server import HttpServer, listen
from gateway.trusted_proxies import TrustedProxies
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.http import auth_access, auth_http
from lightbox_shared.logging import configure_logging
from lightbox_shared.metrics import HttpMetrics
from lightbox_shared.startup import StartupError


def create_app(settings: GatewaySettings | None = None, routes: Routes | None = None) -> "Gateway":
    """The gateway; with another table than that of the platform for tests. Raises `pydantic.ValidationError` naming
    the setting that is wrong."""
    settings = settings or GatewaySettings()
    configure_logging("gateway", settings.log_level, settings.log_format)
    return Gateway(settings, routes or Routes())


def serve(gateway: "Gateway") -> None:
    """Serve until SIGINT or SIGTERM, and end by SIGTERM if it was that. Raises `StartupError` where the port is in
    use."""
    gc.collect()
    gc.freeze()  # what was loaded until now stays in use; collecting it again and again would be in vain
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        number = runner.run(gateway.run(gateway.server()))
    with suppress(KeyboardInterrupt):  # Ctrl-C is a way to end, and no error
        signal.raise_signal(number)


class Gateway:
    """The gateway before its start."""

    def __init__(self, settings: GatewaySettings, routes: Routes) -> None:
        self._settings = settings
        self._routes = routes
        self._docs = load_docs()

    def open(self) -> AbstractAsyncContextManager[GatewayApp]:
        """The ASGI application, with all that it needs."""
        return open_gateway_app(self._settings, self._routes, self._docs)

    def server(self) -> HttpServer:
        """The HTTP server as it is configured; to be made before the event loop starts, since it looks at files."""
        return HttpServer(header_timeout=self._settings.header_timeout_seconds)

    async def run(self, server: HttpServer) -> int:
        """Serve until SIGINT or SIGTERM, and return which. Raises `StartupError`."""
        host, port = self._settings.host, self._settings.port
        async with self.open() as app:
            try:
                listener = listen(host, port)
            except OSError as error:
                raise StartupError(f"port {port} of {host} can't be listened on.") from error
            return await server.run(app, listener)


@asynccontextmanager
async def open_gateway_app(
    settings: GatewaySettings, routes: Routes, docs: Mapping[str, Response]
) -> AsyncIterator[GatewayApp]:
    """Everything that has to be opened and closed."""
    addresses = settings.addresses
    breakers = {service: CircuitBreaker(service) for service in addresses}
    metrics = HttpMetrics()
    access_log = AccessLog(log_format=settings.log_format, log_level=settings.log_level)
    limits = RateLimits.from_settings(settings)
    async with (
        auth_access(settings, "gateway") as (keys, tokens, poll_http),
        auth_http(settings) as keys_http,  # its own, so that many unknown keys do not hold up the revocations
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http,
    ):
        revocations = Revocations(AuthServiceFeed(poll_http, tokens), poll_seconds=settings.revocation_poll_seconds)
        api_keys = ApiKeys(AuthServiceKeys(keys_http, tokens))
        identity = Identity(
            TokenVerifier(keys, issuer=settings.issuer),
            revocations,
            api_keys,
            CrossSite(settings.origins, public_url=settings.public_url),
            cookie=settings.session_cookie,
        )
        services = HttpServices(http, addresses, breakers)
        pages = Pages(
            services=services,
            installed=settings.services,
            document=PlatformDocument(services, settings.services, routes, cookie=settings.session_cookie),
            metrics=metrics,
            identity=identity,
            revocations=revocations,
            metrics_token=settings.metrics_token.get_secret_value(),
            docs=docs,
        )
        proxy = Proxy(addresses, breakers)
        app = GatewayApp(
            routes=routes,
            trusted_proxies=TrustedProxies(settings.trusted_proxies),
            cors=Cors(settings.origins),
            identity=identity,
            limits=limits,
            proxy=proxy,
            pages=pages,
            metrics=metrics,
            access_log=access_log,
        )
        polling = asyncio.create_task(revocations.poll_forever())
        try:
            yield app
        finally:
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
            proxy.close()
            await api_keys.close()
            await limits.close()
            access_log.flush()
