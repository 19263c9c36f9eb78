"""The public paths of ImageHub. What is not there is 200 with a code and a hint, which its clients read."""

import hashlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from imagehub_service.dependencies import Visitor
from imagehub_service.gallery.pages.pictures import Sendable
from imagehub_service.gallery.pages.schemas import (
    ImageHubDownload,
    ImageHubGroupPictures,
    ImageHubNoGroup,
    ImageHubNothing,
    ImageHubPage,
    ImageHubPicture,
    ImageHubTotalPages,
)
from imagehub_service.state import Services, ServicesDep
from imagehub_service.visibility import Visibility
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors, headers
from lightbox_shared.responses.conditional import bytes_response, etag_matches
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB)])

JSON: Final = "application/json"
NOT_POSITIVE: Final = "positive invalid page.. dont try this again"
NO_GROUP: Final = "invalid group.. dont try this again"
NOT_FOUND: Final = "image_not_found"
GroupNumber = Annotated[int, Query(description="The number of the group.", examples=[1])]
ImageNumber = Annotated[int, Query(description="The number of the picture in the group.", examples=[1])]


def _answers(*models: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    model: Any = models[0]
    for each in models[1:]:
        model |= each
    return {
        200: {"model": model, **headers(ETag="Changes with the content.")},
        304: {"description": "The client has it already."},
        **errors(NotAuthenticated, Forbidden),
    }


@router.get(
    "/image/page",
    summary="A page of groups",
    response_class=Response,
    responses=_answers(ImageHubPage, ImageHubNothing),
)
async def imagehub_page(
    request: Request,
    visitor: Visitor,
    services: ServicesDep,
    page: Annotated[int, Query(description="From 1.", examples=[1])] = 1,
) -> Response:
    """12 groups in their order, each by its cover in low resolution. Behind the last page the code is 0, for a number
    below 1 it is -1."""
    if page < 1:
        return _json(request, services, ImageHubNothing(code=-1, hint=NOT_POSITIVE))
    found = await services.pages.page(page, visitor, public_base(request, services.settings.public_url))
    if found is None:
        return _json(request, services, ImageHubNothing(code=0, hint="database_empty"))
    return bytes_response(request, found.data, JSON, etag=found.etag, headers=_headers(services))


@router.get(
    "/image/group",
    summary="The pictures of a group",
    response_class=Response,
    responses=_answers(ImageHubGroupPictures, ImageHubNoGroup),
)
async def imagehub_group(request: Request, visitor: Visitor, services: ServicesDep, group: GroupNumber = 1) -> Response:
    """All of them in their order, in low resolution."""
    base = public_base(request, services.settings.public_url)
    found = await services.shown_pictures.group(group, visitor, base)
    if found is None:
        return _json(request, services, ImageHubNoGroup(status=0, data=NO_GROUP))
    return _streamed(request, services, found)


@router.get(
    "/image",
    summary="A picture in high resolution",
    response_class=Response,
    responses=_answers(ImageHubPicture, ImageHubNothing),
)
async def imagehub_image(
    request: Request, visitor: Visitor, services: ServicesDep, *, group: GroupNumber, image_id: ImageNumber
) -> Response:
    """By the number of its group, and its number there."""
    base = public_base(request, services.settings.public_url)
    found = await services.shown_pictures.picture(group, image_id, visitor, base)
    return _json(request, services, found or ImageHubNothing(code=0, hint=NOT_FOUND))


@router.get(
    "/image/total-page",
    summary="How many pages there are",
    response_class=Response,
    responses=_answers(ImageHubTotalPages),
)
async def imagehub_total_pages(request: Request, visitor: Visitor, services: ServicesDep) -> Response:
    """Of the groups that have pictures."""
    return _json(request, services, ImageHubTotalPages(total_page=await services.pages.total(visitor)))


@router.get(
    "/image/download",
    summary="A picture in full resolution",
    response_class=Response,
    responses=_answers(ImageHubDownload, ImageHubNothing),
)
async def imagehub_download(
    request: Request, visitor: Visitor, services: ServicesDep, *, group_id: GroupNumber, image_id: ImageNumber
) -> Response:
    """The whole picture as browsers show it."""
    found = await services.shown_pictures.download(group_id, image_id, visitor)
    if found is None:
        return _json(request, services, ImageHubNothing(code=0, hint=NOT_FOUND))
    return _streamed(request, services, found)


def _headers(services: Services) -> dict[str, str]:
    """A browser may keep the answer, and asks each time whether it still holds."""
    is_public = services.settings.visibility is Visibility.PUBLIC
    return {"Cache-Control": "no-cache" if is_public else "private, no-cache"}


def _json(request: Request, services: Services, body: BaseModel) -> Response:
    data = body.model_dump_json(by_alias=True).encode()
    return bytes_response(request, data, JSON, etag=hashlib.sha256(data).hexdigest(), headers=_headers(services))


def _streamed(request: Request, services: Services, found: Sendable) -> Response:
    own = {"ETag": f'"{found.etag}"', "X-Content-Type-Options": "nosniff", **_headers(services)}
    if etag_matches(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=own)
    return StreamingResponse(found.pieces, headers=own, media_type=JSON)
