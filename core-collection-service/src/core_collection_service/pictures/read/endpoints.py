"""Pictures and lists of them over HTTP."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import QueryParams

from core_collection_service.dependencies import COLLECTION_PARAMETER, CollectionName, CurrentCaller
from core_collection_service.direct_routes import DirectRoute, prerequisites
from core_collection_service.errors import NoSuchCollection, NotAcceptable
from core_collection_service.parameters import (
    CURSOR,
    DEVICE_ID,
    FROM,
    HEIGHT,
    LIMIT,
    TIMESTAMP,
    TO,
    WIDTH,
    WITH_DATA,
)
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.lists.representations import LIST_TYPES, SENML_TYPES
from core_collection_service.pictures.lists.responses import list_response
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.queries import PictureId, read_picture_id, read_picture_key
from core_collection_service.pictures.read.openapi import ORIGINAL, PICTURE, PICTURE_OR_LIST, answers
from core_collection_service.pictures.read.responses import needs_whole_picture, picture_response, thumbnail_response
from core_collection_service.pictures.read.selection import SelectedList, find_visible, select
from core_collection_service.pictures.response_cache import ROUTE
from core_collection_service.pictures.thumbnails.rendering import read_box
from core_collection_service.state import Services, ServicesDep
from lightbox_shared.auth.dependencies import ServiceOnly
from lightbox_shared.openapi import errors
from lightbox_shared.responses.cache import target_of
from lightbox_shared.responses.negotiation import choose

router = APIRouter(tags=["CoRE collection"])
direct_router = APIRouter(tags=["CoRE collection"], route_class=DirectRoute)
"""The operation that is called most."""
internal_router = APIRouter(tags=["Internal"])

BoundTo = Annotated[str | None, Query(description="The only device whose pictures the account may read.")]

_CACHED_QUERY: Final = {DEVICE_ID.name, TIMESTAMP.name}


@dataclass(frozen=True, slots=True)
class _HttpSelection:
    """A request, for `select`."""

    request: Request

    @property
    def query_params(self) -> QueryParams:
        return self.request.query_params

    def prefers_senml(self) -> bool:
        return choose(self.request.headers.get("accept"), LIST_TYPES) in SENML_TYPES

    def list_type(self) -> str:
        media_type = choose(self.request.headers.get("accept"), LIST_TYPES)
        if media_type is None:
            raise NotAcceptable.offering(LIST_TYPES)
        return media_type


@direct_router.get(
    "/collections/{collection}",
    summary="One picture, a list, or the newest of each device",
    response_class=Response,
    responses=answers(PICTURE_OR_LIST, NotAcceptable),
    openapi_extra={
        "parameters": [
            COLLECTION_PARAMETER,
            *(each.describe() for each in (DEVICE_ID, TIMESTAMP, WIDTH, HEIGHT, FROM, TO, LIMIT, CURSOR, WITH_DATA)),
        ]
    },
)
@direct_router.head("/collections/{collection}", include_in_schema=False)
async def find_pictures(request: Request) -> Response:
    """With `deviceId` and `timestamp` the answer is the picture, or with `w` or `h` a thumbnail of it. With `from`,
    `to` or `cursor` it is a list, newest first, of `deviceId` or of all devices. Otherwise it is the newest picture of
    each device for clients that prefer SenML (the batch, `core.b`), and 400 for all others."""
    collection, caller, services = await prerequisites(request)
    selected = select(_HttpSelection(request), collection, caller)
    if isinstance(selected, SelectedList):
        return await list_response(request, selected.query, selected.media_type, services)
    if read_box(request) is None and needs_whole_picture(request):
        return await _whole_picture(request, selected, services)
    return await _picture_or_thumbnail(request, await services.pictures.find(selected), services)


@router.get(
    "/collections/{collection}/latest",
    summary="The newest picture of a device",
    response_class=Response,
    responses=answers(PICTURE),
    openapi_extra={
        "parameters": [DEVICE_ID.describe(required=True), WIDTH.describe(), HEIGHT.describe()],
    },
)
@router.head("/collections/{collection}/latest", include_in_schema=False)
async def latest_picture(
    request: Request, collection: CollectionName, caller: CurrentCaller, services: ServicesDep
) -> Response:
    """The picture with the latest `timestamp` of the device, by its own clock."""
    device_id = DEVICE_ID.read_required(request)
    caller.check_may_read(device_id)
    return await _picture_or_thumbnail(request, await services.pictures.latest(collection, device_id), services)


@router.get(
    "/collections/{collection}/{picture_id}",
    summary="A picture by its id",
    response_class=Response,
    responses=answers(PICTURE),
    openapi_extra={"parameters": [WIDTH.describe(), HEIGHT.describe()]},
)
@router.head("/collections/{collection}/{picture_id}", include_in_schema=False)
async def picture_by_id(
    request: Request, collection: CollectionName, picture_id: PictureId, caller: CurrentCaller, services: ServicesDep
) -> Response:
    """The id is in the metadata that was answered when the picture was sent, and in lists."""
    record = await find_visible(services.pictures, caller, collection, picture_id)
    return await _picture_or_thumbnail(request, record, services)


@internal_router.get(
    "/internal/pictures/{collection}",
    summary="The picture of a device and a time, for other services",
    response_class=Response,
    responses={200: ORIGINAL, **errors(NoSuchPicture, NoSuchCollection)},
    openapi_extra={"parameters": [DEVICE_ID.describe(required=True), TIMESTAMP.describe(required=True)]},
)
async def internal_find_picture(
    request: Request, collection: CollectionName, _service: ServiceOnly, services: ServicesDep, bound_to: BoundTo = None
) -> Response:
    """The original bytes, for an account that may read all pictures or those of the device `bound_to`."""
    record = await services.pictures.find(read_picture_key(request, collection))
    return await _original(record, bound_to, services)


@internal_router.get(
    "/internal/pictures/{collection}/{picture_id}",
    summary="A picture by its id, for other services",
    response_class=Response,
    responses={200: ORIGINAL, **errors(NoSuchPicture, NoSuchCollection)},
)
async def internal_picture_by_id(
    collection: CollectionName,
    picture_id: PictureId,
    _service: ServiceOnly,
    services: ServicesDep,
    bound_to: BoundTo = None,
) -> Response:
    """The original bytes, for an account that may read all pictures or those of the device `bound_to`."""
    record = await services.pictures.find_by_id(collection, read_picture_id(picture_id))
    return await _original(record, bound_to, services)


async def _original(record: PictureRecord, bound_to: str | None, services: Services) -> Response:
    if bound_to is not None and bound_to != record.device_id:
        raise NoSuchPicture
    return Response(await services.storage.original(record), media_type=record.media_type)


async def _whole_picture(request: Request, key: PictureKey, services: Services) -> Response:
    """All bytes of a picture, by one query; the answer is cached if nothing but the key is asked for."""
    generation = services.response_cache.generation
    record, stored = await services.storage.find_with_bytes(key)
    response = await picture_response(request, record, services.storage, stored)
    if record.encoding is None and stored is not None and request.query_params.keys() == _CACHED_QUERY:
        target, etag = target_of(request.scope), record.sha256.hex()
        services.response_cache.store(target, record.device_id, etag, response, route=ROUTE, generation=generation)
    return response


async def _picture_or_thumbnail(request: Request, record: PictureRecord, services: Services) -> Response:
    box = read_box(request)
    if box is None:
        return await picture_response(request, record, services.storage)
    return await thumbnail_response(request, record, services.thumbnails, box)
