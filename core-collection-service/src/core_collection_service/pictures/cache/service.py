"""Answers with whole pictures, kept in memory and given again: for the pages of a gallery, for viewers, and for clients
that ask whether a picture is still there (`If-None-Match`).

A picture never changes, so an answer stays true until the picture is deleted. Deletions are rare: each one clears the
caches of all processes, which PostgreSQL notifies (`events.feed`). While this process is not connected for
notifications, its cache answers nothing. Answers are kept under the path and query as they were
written, for pictures of up to `LARGEST_AT_ONCE` bytes that are not stored compressed.

Known limit: where the connection for notifications is cut without a sign of it, the deletion by another process is
noticed after half a minute.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from cachetools import LRUCache
from starlette.responses import Response

from core_collection_service.pictures.storage.repository import LARGEST_AT_ONCE

_OVERHEAD_BYTES: Final = 2048
"""What an entry takes beside the bytes of the picture, about."""

RawHeaders = list[tuple[bytes, bytes]]


class CachedResponse(NamedTuple):
    """An answer with status 200."""

    target: bytes
    """The path and query that it answers."""
    device_id: str
    etag: str
    """Without quotes."""
    headers: RawHeaders
    body: bytes


class ResponseCache:
    """The answers that were given last, at most `limit` bytes of them. `is_notified` says whether this process would be
    told of a deletion at this moment."""

    def __init__(self, limit: int, is_notified: Callable[[], bool]) -> None:
        self._limit = limit
        self._is_notified = is_notified
        self._responses: LRUCache[bytes, CachedResponse] = LRUCache(limit, getsizeof=_size)
        self.generation = 0
        """Changes with each deletion. An answer that was read in an earlier generation is not stored."""

    def get(self, target: bytes) -> CachedResponse | None:
        """The answer for a path and query, if it is kept and certainly true."""
        return self._responses.get(target) if self._is_notified() else None

    def store(self, target: bytes, device_id: str, etag: str, response: Response, *, generation: int) -> None:
        """Keep an answer whose picture was read in `generation`, if it may be kept."""
        cached = CachedResponse(target, device_id, etag, list(response.raw_headers), bytes(response.body))
        is_true = generation == self.generation and self._is_notified()
        if is_true and 0 < len(cached.body) <= LARGEST_AT_ONCE and _size(cached) <= self._limit:
            self._responses[target] = cached

    def clear(self) -> None:
        """Forget all answers, because a picture was deleted or may have been."""
        self.generation += 1
        self._responses.clear()


def _size(cached: CachedResponse) -> int:
    return len(cached.target) + len(cached.body) + _OVERHEAD_BYTES
