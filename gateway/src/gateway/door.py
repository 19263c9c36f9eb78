"""The way of a request through the gateway: path, route, origin, caller, limit, service."""

import re
import time
from typing import Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.access_log import AccessLog
from gateway.bodies import is_unread, linger
from gateway.cors import Cors
from gateway.exchange import Exchange
from gateway.headers import measure
from gateway.identity import Identity
from gateway.limits import PROBLEM_TYPE, QuotaExceeded, RateLimits
from gateway.pages import Pages
from gateway.peers import Peers
from gateway.proxy import Proxy
from gateway.routes import GATEWAY, Routes
from lightbox_shared.context import QUIET_PATHS
from lightbox_shared.errors import BadRequest, Forbidden, InternalError, LightboxError, NotFound
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, ProblemDetails
from lightbox_shared.metrics import HttpMetrics

log = structlog.get_logger()

# One path may have one meaning only, for us and for the service: no dot segments, no backslash, nothing unprintable.
_AMBIGUOUS: Final = re.compile(r"(?:^|/)\.\.?(?:/|$)|[\\\x00-\x1f\x7f]")
_IN_DIALECT: Final = frozenset({400, 401, 403})
# The sentence that clients of the COVID-19 system know, for every path that is nobody's.
_UNKNOWN: Final = ProblemDetails({"ERROR": "Not a valid endpoint, you only have /alive or /predict"})


class Door:
    """The gateway as an ASGI application, without its lifespan."""

    def __init__(
        self,
        *,
        routes: Routes,
        peers: Peers,
        cors: Cors,
        identity: Identity,
        limits: RateLimits,
        proxy: Proxy,
        pages: Pages,
        metrics: HttpMetrics,
        access_log: AccessLog,
    ) -> None:
        self._routes = routes
        self._peers = peers
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
        exchange = Exchange(scope, receive, send)
        exchange.added += self._cors.headers(exchange.headers.own.get(b"origin"))
        try:
            await self._pass(exchange)
        except LightboxError as error:
            await self._refuse(exchange, error)
        except Exception:
            log.exception("unexpected error", request_id=exchange.request_id)
            if exchange.status:
                raise  # too late for an answer: the server cuts the connection, so the client can tell
            await self._refuse(exchange, InternalError())
        finally:
            self._record(exchange)

    async def _pass(self, exchange: Exchange) -> None:
        headers = exchange.headers
        measure(exchange.scope["headers"])
        headers.check(exchange.scope)
        path = exchange.path
        if _AMBIGUOUS.search(path):
            raise BadRequest("The path has parts that are not allowed.")
        exchange.client = self._peers.client(exchange.scope, headers.own)
        asked = _asked_method(exchange)
        route = None if "//" in path else self._routes.find(path, asked or exchange.method)
        if route is None:
            raise NotFound
        exchange.route = route
        if asked is not None:
            await self._preflight(exchange)
            return
        if route.service == GATEWAY:
            await exchange.respond(await self._pages.answer(exchange, route))
            return
        caller = await self._identity.identify(exchange, route)
        exchange.added += await self._limits.check(route.rate, caller.principal, exchange.client.address)
        await self._proxy.forward(exchange, route, caller)

    async def _preflight(self, exchange: Exchange) -> None:
        if not self._cors.allows(exchange.headers.own[b"origin"]):
            raise Forbidden("Pages of this origin may not call this server (LIGHTBOX_ALLOWED_ORIGINS).")
        response = Response(status_code=204)
        names = dict(exchange.headers.passed).get(b"access-control-request-headers")
        exchange.added += self._cors.preflight(names)
        await exchange.respond(response)

    async def _refuse(self, exchange: Exchange, error: LightboxError) -> None:
        if exchange.status:
            log.warning("answer broken off", request_id=exchange.request_id, error=error.detail)
            return
        if exchange.route is None:
            dialect = _UNKNOWN if isinstance(error, NotFound) else PROBLEM_DETAILS
        elif isinstance(error, QuotaExceeded):
            dialect = ProblemDetails({"type": PROBLEM_TYPE, "violated-policies": [error.policy]})
        else:
            dialect = exchange.route.dialect if error.status in _IN_DIALECT else PROBLEM_DETAILS
        close = is_unread(exchange)
        await exchange.respond(dialect.render(error), close=close)
        if close:
            await linger(exchange)

    def _record(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        route = exchange.route
        self._metrics.observe(exchange.method, route.prefix if route else "unmatched", exchange.status, seconds)
        if exchange.path in QUIET_PATHS:
            return
        self._access_log.write(
            method=exchange.method,
            path=exchange.path,
            status=exchange.status,
            seconds=seconds,
            upstream=route.service if route else "",
            request_id=exchange.request_id,
            trace_id=exchange.trace.trace_id,
        )


def _asked_method(exchange: Exchange) -> str | None:
    """The method that a preflight asks for; None for any other request."""
    if exchange.method != "OPTIONS" or b"origin" not in exchange.headers.own:
        return None
    asked = dict(exchange.headers.passed).get(b"access-control-request-method")
    return None if asked is None else asked.decode("latin-1")
