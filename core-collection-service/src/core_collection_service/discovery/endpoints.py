"""Discovery over HTTP, for everybody: the collections as links (RFC 6690), filtered by the query.

Answered as link-format whatever `Accept` says: there is no other form of it, and a list of links is of more use to
whoever asks than a refusal (RFC 9110 section 12.5.1 allows both).
"""

from fastapi import APIRouter, Request, Response

from core_collection_service.discovery import service
from core_collection_service.protocol.media_types import LINK_FORMAT
from core_collection_service.state import ServicesDep

router = APIRouter(tags=["CoRE collection"])


@router.get("/.well-known/core")
@router.get("/collections")
@router.head("/.well-known/core", include_in_schema=False)
@router.head("/collections", include_in_schema=False)
async def discover(request: Request, services: ServicesDep) -> Response:
    """The links of the collections that pass every filter of the query, such as `?rt=simple.act` or `?href=/coll*`."""
    query = request.scope["query_string"].decode(errors="replace")  # bytes that are no UTF-8 are in no attribute
    found = service.select(service.links(services.collections, coap=False), query)
    return Response(service.link_format(found), media_type=LINK_FORMAT)
