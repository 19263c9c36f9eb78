"""Lists over HTTP. The path is that of the collection, whose endpoint selects what is answered."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response

from core_collection_service.parameters import WITH_DATA
from core_collection_service.pictures.lists.representations import represent_page
from core_collection_service.pictures.lists.service import ListByTime, NewestOfEach
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.state import Services
from lightbox_shared.responses.pagination import Page

BATCH_DATA_BYTES: Final = 16_000_000
"""Of originals in one SenML pack; a larger picture comes in a pack of its own."""


async def list_response(
    request: Request, wanted: ListByTime | NewestOfEach, media_type: str, services: Services
) -> Response:
    """A page of a list. Raises `InvalidField`, and `Unavailable` while too many bytes are being read for batches."""
    if isinstance(wanted, ListByTime):
        return await _response(request, await services.lists.by_time(wanted), media_type, {})
    if not WITH_DATA.read(request):
        return await _response(request, await services.lists.newest(wanted), media_type, {})
    page = await services.lists.newest(wanted, max_bytes=BATCH_DATA_BYTES)
    if request.method == "HEAD":
        response = Response(media_type=media_type, headers=_headers(request, page))
        del response.headers["Content-Length"]  # unknown unless the bytes are read (RFC 9110 section 8.6)
        return response
    with services.batch_memory.reserve(sum(row.size for row in page.rows)):
        return await _response(request, page, media_type, await services.storage.originals(page.rows))


async def _response(
    request: Request, page: Page[PictureRecord], media_type: str, data: Mapping[int, bytes]
) -> Response:
    content = await represent_page(page, media_type, data=data)
    return Response(content, media_type=media_type, headers=_headers(request, page))


def _headers(request: Request, page: Page[PictureRecord]) -> dict[str, str]:
    headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
    if page.next_cursor is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        path: str = request.scope["path"]
        headers["Link"] = f'<{path}?{urlencode([*query, ("cursor", page.next_cursor)])}>; rel="next"'
    return headers
