"""The gateway as an ASGI application: it finds the route of a request, authenticates, limits, and forwards it."""

import re
import time
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLog
from gateway.authentication import Authenticator
from gateway.bodies import RequestTimeout, respond_early
from gateway.console import PREFIX as CONSOLE
from gateway.cors import Cors
from gateway.headers import check_size
from gateway.limits import PROBLEM_TYPE, CredentialCheck, QuotaExceeded, RateLimits
from gateway.pages import API_IS_DESCRIBED, Pages
from gateway.proxy import Proxy
from gateway.request_state import RequestState
from gateway.routes import GATEWAY, GET, Routes
from gateway.trusted_proxies import TrustedProxies
from lightbox_shared.errors import BadRequest, Forbidden, InternalError, LightboxError, MethodNotAllowed, NotFound
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, Dialect, rendered
from lightbox_shared.observability.context import QUIET_PATHS
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.observability.secret_paths import loggable_path

log = structlog.get_logger()

# Dot segments, backslashes and control characters, which the gateway and a service could understand differently.
_AMBIGUOUS_PATH: Final = re.compile(r"(?:^|/)\.\.?(?:/|$)|[\\\x00-\x1f\x7f]")
# Clients of the COVID-19 system know this member; other clients read the detail.
_UNKNOWN_PATH: Final = {"ERROR": "Not a valid endpoint, you only have /alive or /predict"}
_MAX_PATH_IN_MESSAGE: Final = 200


class GatewayApp:
    """The ASGI application. It has no lifespan: its parts are opened and closed by `gateway.app`."""

    def __init__(
        self,
        *,
        routes: Routes,
        trusted_proxies: TrustedProxies,
        cors: Cors,
        authenticator: Authenticator,
        limits: RateLimits,
        proxy: Proxy,
        pages: Pages,
        metrics: HttpMetrics,
        access_log: AccessLog,
    ) -> None:
        self._routes = routes
        self._trusted_proxies = trusted_proxies
        self._cors = cors
        self._authenticator = authenticator
        self._limits = limits
        self._proxy = proxy
        self._pages = pages
        self._metrics = metrics
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        request = RequestState(scope, receive, send)
        request.extra_headers += self._cors.headers(request.headers.own.get(b"origin"))
        try:
            await self._handle(request)
        except LightboxError as error:
            await self._respond_with_error(request, error)
        except Exception:
            log.exception("unexpected error", request_id=request.request_id)
            if request.status:
                raise  # the answer has started: the server closes the connection, which shows that it is incomplete
            await self._respond_with_error(request, InternalError())
        finally:
            self._record(request)

    async def _handle(self, request: RequestState) -> None:
        headers = request.headers
        check_size(request.scope["headers"])
        headers.check(request.scope)
        path = request.path
        if _AMBIGUOUS_PATH.search(path):
            raise BadRequest("The path has parts that are not allowed.")
        request.client = self._trusted_proxies.client(request.scope, headers.own)
        preflight_method = _preflight_method(request)
        # The console's pages are of this process, and their addresses have ids of devices, as these may be.
        unclear = "//" in path and not path.startswith(f"{CONSOLE}/")
        route = None if unclear else self._routes.find(path, preflight_method or request.method)
        request.route = route
        if preflight_method is not None:
            await self._preflight(request)
            return
        if route is None:
            asked = "GET" if request.method == "HEAD" else request.method  # RFC 9110 section 9.3.2: the same headers
            raise NotFound(f"There is no {asked} {_printable(path)} here. {API_IS_DESCRIBED}")
        if route.changes_by_get and request.method == "HEAD":
            raise MethodNotAllowed(headers={"Allow": "GET"})
        if route.service == GATEWAY or self._pages.replaces_service(request, route):
            await request.respond(await self._pages.answer(request, route))
            return
        if route.public_reads and request.method in GET:
            request.public_headers = self._cors.public(headers.own.get(b"origin"))
        caller = await self._authenticator.authenticate(request, route)
        request.extra_headers += await self._limits.check(route.rate, caller.principal, request.client.address)
        if not route.authenticates_clients:
            await self._proxy.forward(request, route, caller)
            return
        await self._limits.check_failures(CredentialCheck.CLIENT, request.client.address)
        await self._proxy.forward(request, route, caller)
        if request.status == HTTPStatus.UNAUTHORIZED:
            await self._limits.count_failure(CredentialCheck.CLIENT, request.client.address)

    async def _preflight(self, request: RequestState) -> None:
        if not self._cors.allows(request.headers.own[b"origin"]):
            raise Forbidden(
                "Pages of this origin may not call this server: LIGHTBOX_ALLOWED_ORIGINS and OAuth clients name others."
            )
        response = Response(status_code=204)
        names = dict(request.headers.forwarded).get(b"access-control-request-headers")
        request.extra_headers += self._cors.preflight(names)
        await request.respond(response)

    async def _respond_with_error(self, request: RequestState, error: LightboxError) -> None:
        if request.status:
            log.warning("answer ended early", request_id=request.request_id, error=error.detail)
            return
        accept = dict(request.headers.forwarded).get(b"accept", b"").decode("latin-1")
        response = rendered(error, self._dialect(request, error), accept)
        request.extra_headers += request.public_headers
        if request.body_unread:
            await respond_early(request, response, too_slow=isinstance(error, RequestTimeout))
        else:
            await request.respond(response)

    def _dialect(self, request: RequestState, error: LightboxError) -> Dialect:
        """The form of an error. Of a request that was refused before its route was looked for, it is that of the other
        errors on the paths around, whose clients read it."""
        route = request.route
        if route is None:
            near = self._routes.find(request.path, request.method)
            form = PROBLEM_DETAILS if near is None else near.dialect.others
            return replace(form, extra=_UNKNOWN_PATH) if isinstance(error, NotFound) else form
        if isinstance(error, QuotaExceeded):
            extra = {"type": PROBLEM_TYPE, "violated-policies": [error.policy]}
            return replace(route.dialect.others, extra=extra)
        return route.dialect.of(error.status)

    def _record(self, request: RequestState) -> None:
        seconds = time.perf_counter() - request.started
        route = request.route
        self._metrics.observe(request.method, route.prefix if route else "unmatched", request.status, seconds)
        if request.path in QUIET_PATHS:
            return
        self._access_log.write(
            method=request.method,
            path=loggable_path(request.path),
            status=request.status,
            seconds=seconds,
            upstream=route.service if route else "",
            request_id=request.request_id,
            trace_id=request.trace.trace_id,
        )


def _printable(path: str) -> str:
    """A path for a message: percent-encoded, without markup and control characters, and of limited length."""
    encoded = quote(path, errors="replace")
    return encoded if len(encoded) <= _MAX_PATH_IN_MESSAGE else f"{encoded[:_MAX_PATH_IN_MESSAGE]}..."


def _preflight_method(request: RequestState) -> str | None:
    """The method that a CORS preflight asks about. None for other requests."""
    if request.method != "OPTIONS" or b"origin" not in request.headers.own:
        return None
    asked = dict(request.headers.forwarded).get(b"access-control-request-method")
    return None if asked is None else asked.decode("latin-1")
