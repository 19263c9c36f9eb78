"""Devices over HTTP. The path lies among the collections: none has this name."""

from fastapi import APIRouter, Request, Response

from core_collection_service.access import CallerIs
from core_collection_service.devices import queries
from core_collection_service.protocol.answers import answer
from core_collection_service.state import ServicesDep

router = APIRouter(prefix="/collections/devices", tags=["CoRE collection"])


@router.get("")
@router.head("", include_in_schema=False)
async def devices(request: Request, caller: CallerIs, services: ServicesDep) -> Response:
    """Who has sent pictures, to `collection` or to any, with `limit` and `cursor`; JSON or CBOR."""
    caller.check_may_read(None)
    return answer(request, await queries.document(request, services))
