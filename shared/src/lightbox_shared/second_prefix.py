"""Endpoints that answer at the root and, as the same resources, under `/api`.

Clients of one system were published for both addresses. An endpoint is written once, with its path at the root, and
asks for `Prefix` where its answer has links or differs:

    router = APIRouter()

    @router.get("/jobs/{job_id}")
    async def yelda_job(job_id: RowId, prefix: Prefix) -> ...

    routers=at_both_prefixes(router, tag="TheYelda")
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from lightbox_shared.responses.hal import Resource, hal_content, hal_response

API: Final = "/api"


def at_both_prefixes(*routers: APIRouter, tag: str) -> tuple[APIRouter, APIRouter]:
    """The endpoints of `routers` at the root, tagged `tag`, and under `/api`, tagged `<tag> under /api`.

    `routers` themselves have no tags. The operation ids of the second ones begin with `api_`.
    """
    at_root = APIRouter(tags=[tag])
    under_api = APIRouter(tags=[tag_under_api(tag)], generate_unique_id_function=_operation_id)
    for router in routers:
        at_root.include_router(router)
        under_api.include_router(router, prefix=API)
    return at_root, under_api


def tag_under_api(tag: str) -> str:
    """The tag of the operations under `/api`."""
    return f"{tag} under {API}"


def _operation_id(route: APIRoute) -> str:
    return f"api_{route.name}"


async def _prefix(request: Request) -> str:
    return API if request.url.path.startswith(API + "/") else ""


Prefix = Annotated[str, Depends(_prefix)]
"""The prefix under which the request came: `""` or `"/api"`. Paths in the answer begin with it."""


def deleted(request: Request, prefix: str, resource: Resource, *, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a DELETE: 204 at the root, where HTTP forbids a body (RFC 9110 section 15.3.5), and 200 with
    `resource` under `/api`, whose clients read it."""
    if prefix:
        return hal_response(request, resource, headers=headers)
    return Response(status_code=204, headers=dict(headers or {}))


def deletion(model: type[Resource], **described: Any) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401
    """For `responses` of an endpoint that answers with `deleted`, whose resource is a `model`. `described` are members
    of both Response Objects, such as `lightbox_shared.openapi.headers`."""
    return {
        200: {"model": model, "description": "Deleted; under `/api`.", **hal_content(model), **described},
        204: {"description": "Deleted; at the root.", **described},
    }
