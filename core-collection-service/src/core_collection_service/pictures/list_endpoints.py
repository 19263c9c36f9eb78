"""Lists of pictures over HTTP, and the batch (`core.b`, draft-ietf-core-interfaces): the newest picture of each device.

Called by the endpoint of the collection, whose path they share. SenML without limits of time is the batch; everything
else is a list by time, which has to have a limit or a cursor.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response

from core_collection_service.access import Caller
from core_collection_service.pictures import list_queries
from core_collection_service.pictures.errors import InvalidField, NotAcceptable
from core_collection_service.pictures.listing import Listing, Listings
from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.representations import LIST_TYPES, SENML_TYPES, represented
from core_collection_service.state import Services
from lightbox_shared.negotiation import choose
from lightbox_shared.pagination import Page

BATCH_DATA_BYTES: Final = 16_000_000
"""Of pictures in one pack; a larger one comes alone."""


async def lists(request: Request, collection: str, caller: Caller, services: Services) -> Response:
    """A list or the batch, as the query and `Accept` want it."""
    device_id = list_queries.device(request)
    caller.check_may_read(device_id)
    media_type = choose(request.headers.get("accept"), LIST_TYPES)
    if media_type is None:
        raise NotAcceptable(LIST_TYPES)
    start, end = list_queries.span(request)
    limit, cursor = list_queries.limit(request), list_queries.parameter(request, "cursor")
    is_batch = media_type in SENML_TYPES and start is None and end is None
    if is_batch and (cursor is None or Listings.continues_newest(collection, device_id, cursor)):
        return await _batch(request, collection, device_id, media_type, services)
    if start is None and end is None and cursor is None:
        raise InvalidField("timestamp", "This field is required; or from, to or cursor for a list.", "query")
    page = await services.listings.page(Listing(collection, device_id, start, end, limit, cursor))
    return await _answer(request, page, media_type, {})


async def _batch(
    request: Request, collection: str, device_id: str | None, media_type: str, services: Services
) -> Response:
    with_data = list_queries.flag(request, "vd")
    limit, cursor = list_queries.limit(request), list_queries.parameter(request, "cursor")
    most = BATCH_DATA_BYTES if with_data else None
    page = await services.listings.newest(collection, device_id, limit, cursor, max_bytes=most)
    if not with_data:
        return await _answer(request, page, media_type, {})
    if request.method == "HEAD":
        response = Response(media_type=media_type, headers=_headers(request, page))
        del response.headers["Content-Length"]  # known only to who has read the bytes (RFC 9110 section 8.6)
        return response
    with services.batch_memory.reserve(sum(row.size for row in page.rows)):
        return await _answer(request, page, media_type, await services.pictures.originals(page.rows))


async def _answer(request: Request, page: Page[PictureRecord], media_type: str, data: Mapping[int, bytes]) -> Response:
    content = await represented(page, media_type, data=data)
    return Response(content, media_type=media_type, headers=_headers(request, page))


def _headers(request: Request, page: Page[PictureRecord]) -> dict[str, str]:
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    if page.next_cursor is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        path: str = request.scope["path"]
        headers["Link"] = f'<{path}?{urlencode([*query, ("cursor", page.next_cursor)])}>; rel="next"'
    return headers
