"""Answers from the response cache before a route is looked for."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core_collection_service.access import Access
from core_collection_service.dependencies import current_caller
from core_collection_service.pictures.cache.service import CachedResponse, RawHeaders
from core_collection_service.state import Services
from lightbox_shared.conditional import etag_matches

_NOT_FROM_CACHE: Final = frozenset({b"range", b"if-match", b"if-modified-since", b"if-unmodified-since"})
"""Headers of requests that are always answered by their route."""
_BODY_HEADERS: Final = frozenset({b"content-length", b"content-type"})


class _Route(NamedTuple):
    """What logs and metrics read of a route."""

    path: str


_ROUTE: Final = _Route("/collections/{collection}")


class ResponseCacheMiddleware:
    """ASGI middleware that answers what is in the response cache, and passes every other request on. Whether the client
    may see the picture is checked with every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["query_string"]:
            services: Services = scope["state"]["services"]
            cached = services.response_cache.get(target_of(scope))
            if cached is not None and not any(name in _NOT_FROM_CACHE for name, _ in scope["headers"]):
                await _answer(cached, services.access, scope, send)
                return
        await self._app(scope, receive, send)


def target_of(scope: Scope) -> bytes:
    """Path and query as they were written, if the server passes the former on (ASGI leaves it optional)."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query


async def _answer(cached: CachedResponse, access: Access, scope: Scope, send: Send) -> None:
    """Send the answer, or 304. Raises what `current_caller` and `Caller.check_may_read` raise."""
    scope["route"] = _ROUTE
    if_none_match, is_anonymous = None, True
    for name, value in scope["headers"]:
        if name == b"if-none-match" and if_none_match is None:
            if_none_match = value.decode("latin-1")
        elif name == b"authorization":
            is_anonymous = False
    if not is_anonymous or access is not Access.OPEN:
        (await current_caller(Request(scope))).check_may_read(cached.device_id)
    if if_none_match is not None and etag_matches(if_none_match, cached.etag):
        headers = list(_without_body(cached.headers))
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(cached.headers)})
    await send({"type": "http.response.body", "body": cached.body})


def _without_body(headers: RawHeaders) -> Iterable[tuple[bytes, bytes]]:
    return (header for header in headers if header[0] not in _BODY_HEADERS)
