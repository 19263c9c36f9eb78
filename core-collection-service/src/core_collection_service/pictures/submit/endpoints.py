"""Sending pictures over HTTP."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from core_collection_service.dependencies import COLLECTION_PARAMETER
from core_collection_service.direct_routes import DirectRoute, prerequisites
from core_collection_service.errors import NoSuchCollection
from core_collection_service.pictures.errors import AnotherPicture, UploadTooSlow
from core_collection_service.pictures.schemas import PictureBody, path_by_key
from core_collection_service.pictures.submit.request_bodies import document_format, read_body
from core_collection_service.pictures.submit.schemas import submission_body
from core_collection_service.protocol.responses import described_document, document_response
from lightbox_shared.anonymous_storage.errors import QUOTA_REFUSALS
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address, partition
from lightbox_shared.requests.bodies import check_room_for

router = APIRouter(tags=["CoRE collection"], route_class=DirectRoute)

_METADATA: Final[dict[str, Any]] = described_document(PictureBody) | headers(
    Location="The picture by its device and time."
)


@router.post(
    "/collections/{collection}",
    status_code=201,
    summary="Send a picture",
    response_class=Response,
    responses={
        200: {**_METADATA, "description": "The same picture was sent before."},
        201: {**_METADATA, "description": "The picture is kept."},
        **errors(NotAuthenticated, Forbidden, NoSuchCollection, UploadTooSlow, AnotherPicture, *QUOTA_REFUSALS),
    },
    openapi_extra={"parameters": [COLLECTION_PARAMETER], "requestBody": submission_body()},
)
async def collect_picture(request: Request) -> Response:
    """The picture is kept exactly as it is sent, and is durable when the answer comes. Sending it again changes
    nothing, so a device that got no answer sends it again; another picture of the same device and time is refused by
    409."""
    collection, caller, services = await prerequisites(request)
    caller.check_may_send(caller.bound_to or "")  # a client that may send for no device is refused before the body
    form, limits = document_format(request), services.submissions.limits
    check_room_for(request)
    with services.upload_memory.reserve(address=partition(client_address(request))) as memory:
        written = await services.submissions.submit_document(
            collection,
            await read_body(request, form, memory, limits, services.minimum_data_rate),  # not held here meanwhile
            form,
            caller.check_may_send,
            client_address(request) if caller.is_stranger else None,
        )
    body = PictureBody.of(written.record).model_dump()
    return document_response(request, body, 201 if written.created else 200, {"Location": path_by_key(written.record)})
