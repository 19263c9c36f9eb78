"""Devices over HTTP. The path lies among the collections: none has this name."""

from fastapi import APIRouter, Request, Response

from core_collection_service.access import CallerIs
from core_collection_service.devices.schemas import DeviceBody
from core_collection_service.pictures import list_queries
from core_collection_service.pictures.errors import NoSuchCollection
from core_collection_service.protocol.answers import answer
from core_collection_service.state import Components

router = APIRouter(prefix="/collections/devices", tags=["CoRE collection"])


@router.get("")
@router.head("", include_in_schema=False)
async def devices(request: Request, caller: CallerIs, components: Components) -> Response:
    """Who has sent pictures, to `collection` or to any, with `limit` and `cursor`; JSON or CBOR."""
    caller.check_may_read(None)
    only = list_queries.parameter(request, "collection")
    if only is not None and only not in components.collections:
        raise NoSuchCollection
    collections = components.collections if only is None else [only]
    limit, cursor = list_queries.limit(request), list_queries.parameter(request, "cursor")
    page = await components.devices.page(collections, limit, cursor)
    body = {"devices": [DeviceBody.of(each).model_dump() for each in page.rows], "next_cursor": page.next_cursor}
    return answer(request, body)
