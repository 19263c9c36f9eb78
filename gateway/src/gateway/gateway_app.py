"""The way of a request through the gateway: path, route, origin, caller, limit, service."""

import re
import time
from typing import Final
from urllib.parse import quote

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLog
from gateway.bodies import refuse
from gateway.cors import Cors
from gateway.headers import measure
from gateway.identity import Identity
from gateway.limits import PROBLEM_TYPE, QuotaExceeded, RateLimits
from gateway.pages import API_IS_DESCRIBED, Pages
from gateway.proxy import Proxy
from gateway.request_state import RequestState
from gateway.routes import GATEWAY, Routes
from gateway.trusted_proxies import TrustedProxies
from lightbox_shared.context import QUIET_PATHS
from lightbox_shared.errors import BadRequest, Forbidden, InternalError, LightboxError, NotFound
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, ProblemDetails
from lightbox_shared.metrics import HttpMetrics

log = structlog.get_logger()

# One path may have one meaning only, for us and for the service: no dot segments, no backslash, nothing unprintable.
_AMBIGUOUS: Final = re.compile(r"(?:^|/)\.\.?(?:/|$)|[\\\x00-\x1f\x7f]")
_IN_DIALECT: Final = frozenset({400, 401, 403})
# The sentence that clients of the COVID-19 system know; all others read the detail.
_UNKNOWN: Final = ProblemDetails({"ERROR": "Not a valid endpoint, you only have /alive or /predict"})
_LONGEST_PATH_SHOWN: Final = 200


class GatewayApp:
    """The gateway as an ASGI application, without its lifespan."""

    def __init__(
        self,
        *,
        routes: Routes,
        trusted_proxies: TrustedProxies,
        cors: Cors,
        identity: Identity,
        limits: RateLimits,
        proxy: Proxy,
        pages: Pages,
        metrics: HttpMetrics,
        access_log: AccessLog,
    ) -> None:
        self._routes = routes
        self._trusted_proxies = trusted_proxies
        self._cors = cors
        self._identity = identity
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
        request.added += self._cors.headers(request.headers.own.get(b"origin"))
        try:
            await self._pass(request)
        except LightboxError as error:
            await self._refuse(request, error)
        except Exception:
            log.exception("unexpected error", request_id=request.request_id)
            if request.status:
                raise  # too late for an answer: the server cuts the connection, so the client can tell
            await self._refuse(request, InternalError())
        finally:
            self._record(request)

    async def _pass(self, request: RequestState) -> None:
        headers = request.headers
        measure(request.scope["headers"])
        headers.check(request.scope)
        path = request.path
        if _AMBIGUOUS.search(path):
            raise BadRequest("The path has parts that are not allowed.")
        request.client = self._trusted_proxies.client(request.scope, headers.own)
        asked = _asked_method(request)
        route = None if "//" in path else self._routes.find(path, asked or request.method)
        if route is None:
            raise NotFound(f"There is no {request.method} {_shown(path)} here. {API_IS_DESCRIBED}")
        request.route = route
        if asked is not None:
            await self._preflight(request)
            return
        if route.service == GATEWAY or self._pages.stands_in(request, route):
            await request.respond(await self._pages.answer(request, route))
            return
        caller = await self._identity.identify(request, route)
        request.added += await self._limits.check(route.rate, caller.principal, request.client.address)
        await self._proxy.forward(request, route, caller)

    async def _preflight(self, request: RequestState) -> None:
        if not self._cors.allows(request.headers.own[b"origin"]):
            raise Forbidden("Pages of this origin may not call this server (LIGHTBOX_ALLOWED_ORIGINS).")
        response = Response(status_code=204)
        names = dict(request.headers.passed).get(b"access-control-request-headers")
        request.added += self._cors.preflight(names)
        await request.respond(response)

    async def _refuse(self, request: RequestState, error: LightboxError) -> None:
        if request.status:
            log.warning("answer broken off", request_id=request.request_id, error=error.detail)
            return
        if request.route is None:
            dialect = _UNKNOWN if isinstance(error, NotFound) else PROBLEM_DETAILS
        elif isinstance(error, QuotaExceeded):
            dialect = ProblemDetails({"type": PROBLEM_TYPE, "violated-policies": [error.policy]})
        else:
            dialect = request.route.dialect if error.status in _IN_DIALECT else PROBLEM_DETAILS
        response = dialect.render(error)
        if request.unread:
            await refuse(request, response)
        else:
            await request.respond(response)

    def _record(self, request: RequestState) -> None:
        seconds = time.perf_counter() - request.started
        route = request.route
        self._metrics.observe(request.method, route.prefix if route else "unmatched", request.status, seconds)
        if request.path in QUIET_PATHS:
            return
        self._access_log.write(
            method=request.method,
            path=request.path,
            status=request.status,
            seconds=seconds,
            upstream=route.service if route else "",
            request_id=request.request_id,
            trace_id=request.trace.trace_id,
        )


def _shown(path: str) -> str:
    """A path as it may stand in a sentence: percent-encoded, so that nothing in it is markup or a control character."""
    encoded = quote(path, errors="replace")
    return encoded if len(encoded) <= _LONGEST_PATH_SHOWN else f"{encoded[:_LONGEST_PATH_SHOWN]}..."


def _asked_method(request: RequestState) -> str | None:
    """The method that a preflight asks for; None for any other request."""
    if request.method != "OPTIONS" or b"origin" not in request.headers.own:
        return None
    asked = dict(request.headers.passed).get(b"access-control-request-method")
    return None if asked is None else asked.decode("latin-1")
