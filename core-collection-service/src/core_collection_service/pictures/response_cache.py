"""Pictures that are asked for again and again, answered from memory: the pages of a gallery, viewers, and whoever asks
whether a picture is still there (`If-None-Match`).

A picture never changes, so an answer is good until the picture is deleted. Deletions are rare: each of them, by
whichever process, empties the memory of all (PostgreSQL tells them, see `events.feed`), and while nobody can tell us,
nothing is answered from here. Who may see what is asked anew with every request. Kept are whole answers under the
address as it was written, without compression, of pictures up to `LARGEST_AT_ONCE`; those that nobody has asked for the
longest go when there are too many.

Known limit: where the connection that deletions are told on is cut without a word, another process's deletion is
noticed after half a minute.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core_collection_service.access import Access, caller_of
from core_collection_service.pictures.repository import LARGEST_AT_ONCE
from core_collection_service.recent import Recent
from lightbox_shared.conditional import etag_matches

_AROUND_BYTES: Final = 2048
"""What an entry takes beside its bytes, about."""
_NOT_FROM_HERE: Final = frozenset({b"range", b"if-match", b"if-modified-since", b"if-unmodified-since"})
_ONLY_WITH_A_BODY: Final = frozenset({b"content-length", b"content-type"})

RawHeaders = list[tuple[bytes, bytes]]


class CachedResponse(NamedTuple):
    """An answer as it was given."""

    device_id: str
    etag: str
    """Without quotes."""
    headers: RawHeaders
    body: bytes


class ResponseCache:
    """So many bytes of answers, by path and query. `can_tell` says whether deletions are told at this moment."""

    def __init__(self, limit: int, can_tell: Callable[[], bool]) -> None:
        self._limit = limit
        self._can_tell = can_tell
        self._answers: Recent[bytes, CachedResponse] = Recent(limit, _size)
        self.generation = 0
        """Another one after each deletion: what was read before it is not to be kept."""

    def find(self, target: bytes) -> CachedResponse | None:
        """The answer for an address, if there is one."""
        return self._answers.get(target) if self._can_tell() else None

    def keep(self, target: bytes, device_id: str, etag: str, response: Response, *, generation: int) -> None:
        """Keep an answer that was made from what was read in `generation`."""
        body = bytes(response.body)
        if (
            generation != self.generation
            or not self._can_tell()
            or not 0 < len(body) <= min(LARGEST_AT_ONCE, self._limit)
        ):
            return
        self._answers.put(target, CachedResponse(device_id, etag, list(response.raw_headers), body))

    def clear(self) -> None:
        """A picture was deleted, or one may have been."""
        self.generation += 1
        self._answers.clear()


def _size(target: bytes, answer: CachedResponse) -> int:
    return len(target) + len(answer.body) + _AROUND_BYTES


def target_of(scope: Scope) -> bytes:
    """Path and query as they were written, if the server says so (ASGI leaves it free)."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query


class _Named(NamedTuple):
    """In place of a route, for the metrics."""

    path: str


_ROUTE: Final = _Named("/collections/{collection}")


class ResponseCacheMiddleware:
    """ASGI middleware: answers what is response_cache, and passes everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["query_string"]:
            response_cache: ResponseCache = scope["state"]["services"].response_cache
            answer = response_cache.find(target_of(scope))
            if answer is not None and not any(name in _NOT_FROM_HERE for name, _ in scope["headers"]):
                await self._give(answer, scope, send)
                return
        await self._app(scope, receive, send)

    async def _give(self, answer: CachedResponse, scope: Scope, send: Send) -> None:
        """Raises what speaks against it."""
        scope["route"] = _ROUTE
        wanted, is_anonymous = None, True
        for name, value in scope["headers"]:
            if name == b"if-none-match" and wanted is None:
                wanted = value.decode("latin-1")
            elif name == b"authorization":
                is_anonymous = False
        if not is_anonymous or scope["state"]["access"] is not Access.OPEN:
            (await caller_of(Request(scope))).check_may_read(answer.device_id)
        if wanted is not None and etag_matches(wanted, answer.etag):
            headers = list(_without_body(answer.headers))
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})


def _without_body(headers: RawHeaders) -> Iterable[tuple[bytes, bytes]]:
    return (pair for pair in headers if pair[0] not in _ONLY_WITH_A_BODY)
