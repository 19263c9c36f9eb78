"""Pictures over HTTP."""

from fastapi import APIRouter, Request, Response

from core_collection_service.access import Caller, CallerIs
from core_collection_service.direct import DirectRoute, asked, parameters
from core_collection_service.pictures import downloads, list_queries
from core_collection_service.pictures.bodies import document_format, read_body
from core_collection_service.pictures.errors import InvalidField, NoSuchPicture
from core_collection_service.pictures.list_endpoints import lists
from core_collection_service.pictures.repository import Key, PictureRecord
from core_collection_service.pictures.representations import LIST_TYPES, SENML_TYPES
from core_collection_service.pictures.response_cache import target_of
from core_collection_service.pictures.schemas import PictureBody, address_of
from core_collection_service.pictures.submission import query_timestamp
from core_collection_service.pictures.thumbnails import asked_box
from core_collection_service.protocol.answers import answer
from core_collection_service.state import Collection, Services, ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.negotiation import choose

router = APIRouter(prefix="/collections", tags=["CoRE collection"])
sending = APIRouter(prefix="/collections", tags=["CoRE collection"], route_class=DirectRoute)
"""Asked first: nothing else takes a POST."""
reading = APIRouter(prefix="/collections", tags=["CoRE collection"], route_class=DirectRoute)
LOOK = ["GET", "HEAD"]
OF_LISTS = ("from", "to", "limit", "cursor", "vd", "w", "h")
_OF_PICTURES = {"deviceId", "timestamp"}
_REQUIRED = "This field is required."
_OR_A_LIST = "This field is required; or from, to or cursor for a list."


@sending.post("/{collection}", status_code=201, openapi_extra=parameters())
async def send(request: Request) -> Response:
    """Keep a picture: `deviceId`, `timestamp` and `imageData` as JSON or CBOR. The same again is 200, another picture
    of the same device and timestamp 409."""
    collection, caller, services = await asked(request)
    caller.check_may_send(caller.bound_to or "")  # whoever may send for no device at all need not send the body
    form = document_format(request)
    with services.memory.reserve() as memory:
        largest = services.pictures.limits.max_bytes
        kept = await services.pictures.submit(
            collection,
            await read_body(request, form, memory, largest, services.pace),  # kept by nobody while it is written
            form,
            caller.check_may_send,
        )
    headers = {"Location": address_of(kept.record)}
    return answer(request, PictureBody.of(kept.record).model_dump(), 201 if kept.created else 200, headers)


@reading.api_route(
    "/{collection}",
    methods=LOOK,
    operation_id="picture_at",
    openapi_extra=parameters("deviceId", "timestamp", *OF_LISTS),
)
async def picture_at(request: Request) -> Response:
    """The picture of `deviceId` at `timestamp`; with `from`, `to` or `cursor` instead a list, and to who prefers SenML
    the newest picture of each device. With `w` or `h` a thumbnail."""
    collection, caller, services = await asked(request)
    if _wants_list(request):
        return await lists(request, collection, caller, services)
    key = _key(request, collection)
    caller.check_may_read(key.device_id)
    if asked_box(request) is None and downloads.is_for_all(request):
        generation = services.response_cache.generation
        record, stored = await services.pictures.find_with_bytes(key)
        response = await downloads.original(request, record, services.pictures, stored)
        if record.encoding is None and stored is not None and request.query_params.keys() == _OF_PICTURES:
            target, etag = target_of(request.scope), record.sha256.hex()
            services.response_cache.keep(target, record.device_id, etag, response, generation=generation)
        return response
    return await _shown(request, await services.pictures.find(key), services)


@router.delete("/{collection}", status_code=204, dependencies=[needs()])
async def delete_at(request: Request, collection: Collection, _caller: AdminOnly, services: ServicesDep) -> Response:
    """Delete the picture of `deviceId` at `timestamp` for good."""
    await services.pictures.delete(_key(request, collection))
    return Response(status_code=204)


@router.api_route("/{collection}/latest", methods=LOOK, operation_id="latest_picture")
async def latest(request: Request, collection: Collection, caller: CallerIs, services: ServicesDep) -> Response:
    """The picture that `deviceId` has taken last, by its own clock."""
    device_id = _device(request)
    caller.check_may_read(device_id)
    return await _shown(request, await services.pictures.latest(collection, device_id), services)


@router.api_route("/{collection}/{picture_id}", methods=LOOK, operation_id="picture_by_id")
async def picture_by_id(
    request: Request, collection: Collection, picture_id: str, caller: CallerIs, services: ServicesDep
) -> Response:
    """A picture by its id."""
    caller.check_may_read(caller.bound_to)  # whoever may read nothing learns nothing
    record = await services.pictures.find_by_id(collection, list_queries.picture_id(picture_id))
    _check_is_readable(caller, record)
    return await _shown(request, record, services)


@router.delete("/{collection}/{picture_id}", status_code=204, dependencies=[needs()])
async def delete_by_id(collection: Collection, picture_id: str, _caller: AdminOnly, services: ServicesDep) -> Response:
    """Delete a picture for good."""
    await services.pictures.delete_by_id(collection, list_queries.picture_id(picture_id))
    return Response(status_code=204)


async def _shown(request: Request, record: PictureRecord, services: Services) -> Response:
    """The picture as it was sent, or its thumbnail."""
    box = asked_box(request)
    if box is None:
        return await downloads.original(request, record, services.pictures)
    return await services.thumbnails.response(request, record, box)


def _wants_list(request: Request) -> bool:
    query = request.query_params
    if "timestamp" in query:
        return False
    if "from" in query or "to" in query or "cursor" in query:
        return True
    return choose(request.headers.get("accept"), LIST_TYPES) in SENML_TYPES


def _key(request: Request, collection: str) -> Key:
    device_id = _device(request, _OR_A_LIST)
    timestamp = list_queries.parameter(request, "timestamp")
    if timestamp is None:
        raise InvalidField("timestamp", _OR_A_LIST, "query")
    return Key(collection, device_id, query_timestamp(timestamp))


def _device(request: Request, missing: str = _REQUIRED) -> str:
    device_id = list_queries.device(request)
    if device_id is None:
        raise InvalidField("deviceId", missing, "query")
    return device_id


def _check_is_readable(caller: Caller, record: PictureRecord) -> None:
    """A device's key learns nothing of the pictures of other devices, not even that they are there."""
    if caller.bound_to is not None and caller.bound_to != record.device_id:
        raise NoSuchPicture
    caller.check_may_read(record.device_id)
