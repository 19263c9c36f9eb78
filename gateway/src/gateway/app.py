"""Builds the gateway: `create_app()` and `serve()` are called by `python -m lightbox_shared.serve gateway`."""

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
from gateway.authentication import Authenticator
from gateway.bodies import ArrivingBodies
from gateway.circuit_breaker import CircuitBreaker
from gateway.client_origins import POLL_SECONDS, ClientOrigins
from gateway.clients.auth import AuthServiceClientOrigins, AuthServiceRevocationFeed, AuthServiceTokenExchange
from gateway.clients.services import TIMEOUT_SECONDS, HttpUpstreamServices
from gateway.config import GatewaySettings
from gateway.console import Console
from gateway.cors import Cors
from gateway.csrf import CsrfProtection
from gateway.gateway_app import GatewayApp
from gateway.limits import RateLimits
from gateway.openapi import PlatformDocument
from gateway.pages import Pages, load_docs
from gateway.proxy import Proxy
from gateway.public_address import PublicAddress
from gateway.revocations import Revocations
from gateway.routes import Routes
from gateway.server import HttpServer, listen
from gateway.trusted_proxies import TrustedProxies
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.http import auth_access, service_http
from lightbox_shared.observability.logging import configure_logging, log_what_is_open
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.process.startup import StartupError
from lightbox_shared.requests.data_rate import MinimumDataRate


def create_app(settings: GatewaySettings | None = None, routes: Routes | None = None) -> "Gateway":
    """Return the gateway with the settings of the environment and the platform's routes, or with those given.

    Raises `pydantic.ValidationError`, which names the setting that is wrong.
    """
    settings = settings or GatewaySettings()
    configure_logging("gateway", settings.log_level, settings.log_format)
    return Gateway(settings, routes or Routes())


def serve(gateway: "Gateway") -> None:
    """Serve until SIGINT or SIGTERM. After SIGTERM the process ends by that signal.

    Raises `StartupError` if the port can't be listened on.
    """
    gc.collect()
    gc.freeze()  # what was loaded until now stays in use; collecting it again and again would be in vain
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        number = runner.run(gateway.run(gateway.server()))
    with suppress(KeyboardInterrupt):  # Ctrl-C is no error
        signal.raise_signal(number)


class Gateway:
    """The gateway, configured but not started."""

    def __init__(self, settings: GatewaySettings, routes: Routes) -> None:
        self._settings = settings
        self._routes = routes
        self._docs = load_docs()

    def open(self) -> AbstractAsyncContextManager[GatewayApp]:
        """The ASGI application with its connections and background tasks, which end with the context."""
        return open_gateway_app(self._settings, self._routes, self._docs)

    def server(self) -> HttpServer:
        """The HTTP server. Call this before the event loop starts, since it reads files."""
        return HttpServer(header_timeout=self._settings.header_timeout_seconds)

    async def run(self, server: HttpServer) -> int:
        """Serve until SIGINT or SIGTERM, and return the signal's number. Raises `StartupError`."""
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
    """Open everything that the application uses, and close it at the end of the context."""
    log_what_is_open(settings.open_to_strangers())
    addresses = settings.addresses
    breakers = {service: CircuitBreaker(service) for service in addresses}
    metrics = HttpMetrics()
    access_log = AccessLog(log_format=settings.log_format, log_level=settings.log_level)
    limits = RateLimits.from_settings(settings)
    async with (
        auth_access(settings, "gateway") as (keys, tokens, poll_http),
        service_http(
            settings.auth_service_url
        ) as keys_http,  # separate connections: many unknown keys do not delay the revocations
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http,
    ):
        revocations = Revocations(AuthServiceRevocationFeed(poll_http, tokens))
        origins = ClientOrigins(AuthServiceClientOrigins(poll_http, tokens))
        api_keys = ApiKeys(AuthServiceTokenExchange(keys_http, tokens), limits)
        authenticator = Authenticator(
            TokenVerifier(keys, issuer=settings.issuer),
            revocations,
            api_keys,
            CsrfProtection(settings.origins, public_url=settings.public_url),
            limits,
            address=PublicAddress(settings.public_url),
            cookie=settings.session_cookie,
        )
        services = HttpUpstreamServices(http, addresses, breakers)
        pages = Pages(
            services=services,
            installed=settings.services,
            document=PlatformDocument(services, settings.services, routes, cookie=settings.session_cookie),
            metrics=metrics,
            authenticator=authenticator,
            revocations=revocations,
            metrics_token=settings.metrics_token.get_secret_value(),
            docs=docs,
            console=Console(settings.console_dir),
        )
        arriving = ArrivingBodies(MinimumDataRate(seconds=settings.body_seconds), settings.bodies_per_address)
        proxy = Proxy(addresses, breakers, arriving, revocations, settings.file_sizes)
        app = GatewayApp(
            routes=routes,
            trusted_proxies=TrustedProxies(settings.trusted_proxies),
            cors=Cors(settings.origins, origins),
            authenticator=authenticator,
            limits=limits,
            proxy=proxy,
            pages=pages,
            metrics=metrics,
            access_log=access_log,
        )
        try:
            async with (
                periodic_task(revocations.poll, "revocations", every=settings.revocation_poll_seconds, first_after=0),
                periodic_task(origins.poll, "origins of OAuth clients", every=POLL_SECONDS, first_after=0),
            ):
                yield app
        finally:
            proxy.close()
            await api_keys.close()
            await limits.close()
            access_log.flush()
