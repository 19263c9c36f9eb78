"""The paths that the gateway answers itself: health, readiness, metrics, and the description of the API.

`/docs` is Swagger UI from the package `fastapi-offline`, which works without internet access.
"""

import hmac
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from starlette.responses import HTMLResponse, Response

from gateway.authentication import Authenticator
from gateway.clients.services import UpstreamServices
from gateway.console import PREFIX as CONSOLE
from gateway.console import Console
from gateway.descriptions import DISCLAIMER
from gateway.headers import RawHeaders
from gateway.icon import favicon
from gateway.openapi import PlatformDocument
from gateway.readiness import Readiness
from gateway.request_state import RequestState
from gateway.revocations import Revocations
from gateway.routes import GET, Route
from lightbox_shared.errors import MethodNotAllowed, NotFound, Unavailable
from lightbox_shared.errors.dialects import JSON_TYPE, json_response
from lightbox_shared.installation import GATEWAY, SERVICE_NAMES
from lightbox_shared.observability.health import Check
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.responses.negotiation import media_ranges

API_IS_DESCRIBED: Final = "The API is described at /docs, and for programs at /openapi.json."
NOT_INSTALLED: Final = "not installed"

_DOCS_POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
}
_DOCS_PAGE: Final = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Lightbox</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<p style="font: 1rem sans-serif; margin: 0; padding: 1rem; background: #fff4ce"><strong>{DISCLAIMER}</strong></p>
<div id="swagger-ui"></div>
<noscript>The description as JSON is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_DOCS_START: Final = 'SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });\n'


class Pages:
    """Answers the gateway's own paths, and `/` if its service is not installed."""

    def __init__(
        self,
        *,
        services: UpstreamServices,
        installed: tuple[str, ...],
        document: PlatformDocument,
        metrics: HttpMetrics,
        authenticator: Authenticator,
        revocations: Revocations,
        metrics_token: str,
        docs: Mapping[str, Response],
        console: Console,
    ) -> None:
        self._document = document
        self._metrics = metrics
        self._authenticator = authenticator
        self._metrics_token = metrics_token.encode()
        self._revocations = revocations
        self._installed = frozenset(installed)
        checks = {name: _readiness_check(services, name) for name in installed}
        self._readiness = Readiness({**checks, "revocations": self._check_revocations})
        self._docs = docs
        self._console = console

    async def answer(self, request: RequestState, route: Route) -> Response:
        """Return the answer to a request.

        Raises `NotFound`, `MethodNotAllowed`, `Unavailable` if the service of `/` is not installed, and for `/metrics`
        the errors of `Authenticator.authenticate`.
        """
        if request.method not in GET:
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD, OPTIONS"})
        match route.prefix:
            case "/readyz":
                return await self._readyz()
            case "/metrics":
                return await self._render_metrics(request, route)
            case "/openapi.json":
                return Response(await self._document.get(), media_type=JSON_TYPE)
            case "/":
                return self._root(request, route)
            case "/console":
                return await self._console.answer(request.path, request.headers.forwarded)
        page = self._docs.get(request.path.rstrip("/"))
        if page is None:
            raise NotFound
        return page

    def replaces_service(self, request: RequestState, route: Route) -> bool:
        """Whether the gateway answers in the place of the service of `/`: browsers are sent on to a page for people,
        and without that service other clients are told so."""
        if route.prefix != "/" or request.method not in GET:
            return False
        return route.service not in self._installed or (
            self._console.folder is not None and _prefers_html(request.headers.forwarded)
        )

    def _root(self, request: RequestState, route: Route) -> Response:
        """Redirect browsers from `/` to the console, or else to the description of the API. Raises `Unavailable` for
        other clients."""
        if not _prefers_html(request.headers.forwarded):
            raise Unavailable(
                f"{route.service}, which answers this path, is not part of this installation. {API_IS_DESCRIBED}",
                retry_after=3600,
            )
        page = "/docs" if self._console.folder is None else f"{CONSOLE}/"
        return Response(status_code=307, headers={"Location": page, "Vary": "Accept"})

    async def _readyz(self) -> Response:
        """Answer 200 if the services are ready, or degraded, and the list of revoked sessions is loaded, and 503
        otherwise."""
        found = await self._readiness.results()
        body = {
            "status": found.status,
            "services": {name: found.results.get(name, NOT_INSTALLED) for name in SERVICE_NAMES if name != GATEWAY},
            "checks": {"revocations": found.results["revocations"]},
        }
        return json_response(body, found.status_code)

    async def _check_revocations(self) -> None:
        if not self._revocations.loaded:
            raise Unavailable("The list of revoked sessions was never fetched.")

    async def _render_metrics(self, request: RequestState, route: Route) -> Response:
        scheme, _, token = request.headers.own.get(b"authorization", b"").partition(b" ")
        matches = scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._metrics_token)
        if not (self._metrics_token and matches):
            await self._authenticator.authenticate(request, route)
        return await self._metrics.render()


def _prefers_html(headers: RawHeaders) -> bool:
    """Whether `Accept` names text/html and prefers nothing to it (RFC 9110 section 12.5.1), as browsers do."""
    accept = ",".join(value.decode("latin-1") for name, value in headers if name == b"accept")
    ranges = media_ranges(accept)
    return ranges.get("text/html", 0.0) > 0 and ranges["text/html"] == max(ranges.values())


def _readiness_check(services: UpstreamServices, name: str) -> Check:
    async def check() -> None:
        await services.check_ready(name)

    return check


def load_docs() -> Mapping[str, Response]:
    """Return the answers that never change, by path. Call this before the event loop starts, since it reads files."""
    static = files("fastapi_offline") / "static"
    cached = {"Cache-Control": "public, max-age=86400"}
    return {
        "/healthz": json_response({"status": "ok"}, 200),
        "/favicon.ico": Response(favicon(), media_type="image/vnd.microsoft.icon", headers=cached),
        "/docs": HTMLResponse(_DOCS_PAGE, headers=_DOCS_POLICY),
        "/docs/start.js": Response(_DOCS_START, media_type="text/javascript"),
        "/docs/swagger-ui-bundle.js": Response(
            (static / "swagger-ui-bundle.js").read_bytes(), media_type="text/javascript", headers=cached
        ),
        "/docs/swagger-ui.css": Response(
            (static / "swagger-ui.css").read_bytes(), media_type="text/css", headers=cached
        ),
    }
