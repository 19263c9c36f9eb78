"""Answers with whole pictures, kept in memory and given again: for the pages of a gallery, for viewers, and for clients
that ask whether a picture is still there (`If-None-Match`).

A picture never changes, so an answer stays true until the picture is deleted. Deletions are rare: each one clears the
caches of all processes, which PostgreSQL notifies (`events.feed`). While this process is not connected for
notifications, its cache answers nothing. Answers are kept under the path and query as they were written, for pictures
of up to `LARGEST_AT_ONCE` bytes that are not stored compressed. Whether the client may see the picture is checked with
every request.

Known limit: where the connection for notifications is cut without a sign of it, the deletion by another process is
noticed after half a minute.
"""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from core_collection_service.access import Access
from core_collection_service.dependencies import current_caller
from core_collection_service.state import Services
from lightbox_shared.responses.cache import CachedResponse, ResponseCacheMiddleware, target_of

ROUTE: Final = "/collections/{collection}"


def _find(scope: Scope) -> CachedResponse[str] | None:
    if not scope["query_string"]:
        return None
    services: Services = scope["state"]["services"]
    return services.response_cache.get(target_of(scope))


async def _check(scope: Scope, cached: CachedResponse[str]) -> None:
    """Raises what `current_caller` and `Caller.check_may_read` raise. The subject is the id of the device."""
    services: Services = scope["state"]["services"]
    is_anonymous = all(name != b"authorization" for name, _ in scope["headers"])
    if not is_anonymous or services.access is not Access.OPEN:
        (await current_caller(Request(scope))).check_may_read(cached.subject)


CACHED_PICTURES: Final = partial(ResponseCacheMiddleware[str], find=_find, check=_check)
"""The middleware that answers what is in the response cache."""
