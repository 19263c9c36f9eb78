"""Discovery over HTTP, which is public: the collections as links (RFC 6690), filtered by the query.

The answer is link-format for every `Accept`. Links have no other format here, and a list of links is of more use to a
client than a refusal (RFC 9110 section 12.5.1 allows both).
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from core_collection_service.discovery import service
from core_collection_service.protocol.media_types import LINK_FORMAT
from core_collection_service.state import Services, ServicesDep
from lightbox_shared.openapi import content

router = APIRouter(tags=["CoRE collection"])

_LINKS: Final[dict[int | str, dict[str, Any]]] = {
    200: content(
        LINK_FORMAT, schema={"type": "string", "examples": ['</collections/images>;rt="simple.act";if="core.b"']}
    )
}


def _filter(name: str, description: str) -> dict[str, Any]:
    """The Parameter Object (OpenAPI 3.1 section 4.8.12) of a filter; all filters of a query have to pass."""
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}


_FILTERS: Final = {
    "parameters": [
        _filter("rt", "Only links with this resource type; `simple*` for all that begin so."),
        _filter("if", "Only links with this interface; `*` at the end as for `rt`."),
        _filter("href", "Only links to this target; `*` at the end as for `rt`."),
    ]
}


@router.get(
    "/.well-known/core",
    summary="Discover the collections",
    response_class=Response,
    responses=_LINKS,
    openapi_extra=_FILTERS,
)
async def discover_resources(request: Request, services: ServicesDep) -> Response:
    """The links of the collections that pass every filter (RFC 6690 section 4.1). Other attributes of links are filters
    as well."""
    return _links(request, services)


@router.get(
    "/collections", summary="List the collections", response_class=Response, responses=_LINKS, openapi_extra=_FILTERS
)
async def list_collections(request: Request, services: ServicesDep) -> Response:
    """The same links as those of `/.well-known/core`, with the same filters."""
    return _links(request, services)


def _links(request: Request, services: Services) -> Response:
    query = request.scope["query_string"].decode(errors="replace")  # bytes that are not UTF-8 are in no attribute
    found = service.links(services.collections, coap=False)
    return Response(service.document(found, query), media_type=LINK_FORMAT)
