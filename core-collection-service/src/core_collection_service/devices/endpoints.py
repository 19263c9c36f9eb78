"""Devices over HTTP. The path is among those of the collections, none of which can have this name."""

from fastapi import APIRouter, Request, Response

from core_collection_service.dependencies import CurrentCaller
from core_collection_service.devices.queries import device_document
from core_collection_service.devices.schemas import DevicePage
from core_collection_service.errors import NoSuchCollection
from core_collection_service.parameters import COLLECTION, CURSOR, LIMIT
from core_collection_service.protocol.responses import described_document, document_response
from core_collection_service.state import ServicesDep
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors

router = APIRouter(tags=["CoRE collection"])


@router.get(
    "/collections/devices",
    summary="The devices that have sent pictures",
    response_class=Response,
    responses={
        200: described_document(DevicePage),
        **errors(NotAuthenticated, Forbidden, NoSuchCollection),
    },
    openapi_extra={"parameters": [COLLECTION.describe(), LIMIT.describe(), CURSOR.describe()]},
)
@router.head("/collections/devices", include_in_schema=False)  # or that of `/collections/{collection}` would take it
async def collection_devices(request: Request, caller: CurrentCaller, services: ServicesDep) -> Response:
    """How many pictures each device has, their bytes and times, by collection and device id. A device whose last
    picture was deleted is not in it."""
    caller.check_may_read(None)
    return document_response(request, await device_document(request, services))
