"""Answers that are kept in memory and given again, before a route is looked for.

A service whose answers with the same address stay true for long (pictures, which never change until they are deleted)
keeps them whole. It decides which requests one answer is for, whether what is kept is certainly still true, and with
every request whether the client may have it; request ids, logs and metrics are as ever.
"""

from collections.abc import Awaitable, Callable, Container, Iterable
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lightbox_shared.responses.conditional import etag_matches

Subject = TypeVar("Subject")
RawHeaders = list[tuple[bytes, bytes]]

_OVERHEAD_BYTES: Final = 2048
"""What an entry takes beside the bytes of the answer, about."""
_NOT_FROM_CACHE: Final = frozenset({b"range", b"if-match", b"if-modified-since", b"if-unmodified-since"})
"""Headers of requests that are always answered by their route."""
_BODY_HEADERS: Final = frozenset({b"content-length", b"content-type"})


class CachedResponse(NamedTuple, Generic[Subject]):
    """An answer with status 200."""

    target: bytes
    """What is asked for: path and query as they were written, and what else the answer depends on."""
    route: str
    """The template of its path, for logs and metrics."""
    subject: Subject
    """What it shows, by which a service decides who may have it."""
    etag: str
    """Without quotes."""
    headers: RawHeaders
    body: bytes


class ResponseCache(Generic[Subject]):
    """The answers that were given last, at most `limit` bytes of them, and none of more than `largest` bytes.

    `is_true` says whether this process would know by now if one of them were not true any more.
    """

    def __init__(self, limit: int, is_true: Callable[[], bool], *, largest: int) -> None:
        self._limit = limit
        self._is_true = is_true
        self._largest = largest
        self._responses: LRUCache[bytes, CachedResponse[Subject]] = LRUCache(limit, getsizeof=_size)
        self.generation = 0
        """Changes whenever answers may have become untrue. One that was read in an earlier generation is not kept."""

    def get(self, target: bytes) -> CachedResponse[Subject] | None:
        """The answer for a target, if it is kept and certainly true."""
        return self._responses.get(target) if self._is_true() else None

    def peek(self, target: bytes) -> CachedResponse[Subject] | None:
        """The answer for a target, if it is kept, for a caller that finds out by itself whether it is still true."""
        return self._responses.get(target)

    def store(
        self, target: bytes, subject: Subject, etag: str, response: Response, *, route: str, generation: int
    ) -> None:
        """Keep an answer that was read in `generation`, if it may be kept."""
        cached = CachedResponse(target, route, subject, etag, list(response.raw_headers), bytes(response.body))
        is_true = generation == self.generation and self._is_true()
        if is_true and 0 < len(cached.body) <= self._largest and _size(cached) <= self._limit:
            self._responses[target] = cached

    def clear(self) -> None:
        """Forget all answers, because one of them is not true any more, or may not be."""
        self.generation += 1
        self._responses.clear()

    def subjects(self) -> set[Subject]:
        """What the answers show that are kept."""
        return {each.subject for each in self._responses.values()}

    def keep(self, subjects: Container[Subject]) -> None:
        """Forget the answers that show something else than these."""
        for target in [each.target for each in self._responses.values() if each.subject not in subjects]:
            del self._responses[target]


class _Route(NamedTuple):
    """What logs and metrics read of a route."""

    path: str


class ResponseCacheMiddleware(Generic[Subject]):
    """ASGI middleware that answers what is kept, and passes every other request on."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        find: Callable[[Scope], CachedResponse[Subject] | None],
        check: Callable[[Scope, CachedResponse[Subject]], Awaitable[None]],
    ) -> None:
        """`find` looks for the answer to a GET request; `check` raises what the client gets that may not have it."""
        self._app = app
        self._find = find
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            cached = self._find(scope)
            if cached is not None and not any(name in _NOT_FROM_CACHE for name, _ in scope["headers"]):
                scope["route"] = _Route(cached.route)
                await self._check(scope, cached)
                await _answer(cached, scope, send)
                return
        await self._app(scope, receive, send)


def target_of(scope: Scope) -> bytes:
    """Path and query as they were written, if the server passes the former on (ASGI leaves it optional)."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    return path + b"?" + query


async def _answer(cached: CachedResponse[Subject], scope: Scope, send: Send) -> None:
    """Send the answer, or 304."""
    if_none_match = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
    if if_none_match is not None and etag_matches(if_none_match.decode("latin-1"), cached.etag):
        headers = list(_without_body(cached.headers))
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(cached.headers)})
    await send({"type": "http.response.body", "body": cached.body})


def _without_body(headers: RawHeaders) -> Iterable[tuple[bytes, bytes]]:
    return (header for header in headers if header[0] not in _BODY_HEADERS)


def _size(cached: CachedResponse[Subject]) -> int:
    return len(cached.target) + len(cached.body) + _OVERHEAD_BYTES
