"""Pictures over HTTP."""

from fastapi import APIRouter, Request, Response

from core_collection_service.access import CallerIs
from core_collection_service.pictures.bodies import document_format, read_body
from core_collection_service.pictures.schemas import PictureBody, address_of
from core_collection_service.protocol.answers import answer
from core_collection_service.state import Collection, Components
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope

router = APIRouter(prefix="/collections", tags=["CoRE collection"], dependencies=[needs(Scope.COLLECT)])


@router.post("/{collection}", status_code=201)
async def send(request: Request, collection: Collection, caller: CallerIs, components: Components) -> Response:
    """Keep a picture: `deviceId`, `timestamp` and `imageData` as JSON or CBOR. The same again is 200, another picture
    of the same device and timestamp 409."""
    form = document_format(request)
    with components.memory.reserve() as memory:
        body = await read_body(request, memory, components.pictures.limits.max_bytes)
        kept = await components.pictures.submit(collection, body, form, caller.check_may_send)
    headers = {"Location": address_of(kept.record)}
    return answer(request, PictureBody.of(kept.record).model_dump(), 201 if kept.created else 200, headers)
