"""The endpoints of `/api/gallery/groups` that also change pictures."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from imagehub_service.gallery.arranging import service
from imagehub_service.gallery.arranging.schemas import GroupsToMerge, PicturesToMove
from imagehub_service.gallery.entity_tags import tag
from imagehub_service.gallery.groups.errors import CircularGroups, GroupHasPictures, GroupsTooDeep, NoSuchGroup
from imagehub_service.gallery.groups.schemas import GalleryGroup
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed
from lightbox_shared.responses.versioned import IfMatch

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

TAGGED = headers(ETag="Of this version, for `If-Match`.")


@router.delete(
    "/api/gallery/groups/{group_id}",
    status_code=204,
    summary="Delete a group",
    responses=errors(NoSuchGroup, GroupHasPictures, PreconditionFailed),
)
async def delete_gallery_group(
    group_id: RowId,
    request: Request,
    expected: IfMatch,
    *,
    caller: AdminOnly,
    services: ServicesDep,
    pictures: Annotated[
        Literal["keep", "delete"], Query(description="With `keep`, a group that has pictures is not deleted.")
    ] = "keep",
) -> Response:
    """Groups below it move up by one level, links that share it end, and the files in the drive stay."""
    with_pictures, address = pictures == "delete", client_address(request)
    await services.arranging.delete(group_id, caller.account, address, with_pictures=with_pictures, expected=expected)
    return Response(status_code=204)


@router.post(
    "/api/gallery/groups/{group_id}/merge",
    summary="Merge other groups into one",
    responses={200: TAGGED, **errors(NoSuchGroup, CircularGroups, GroupsTooDeep, PreconditionFailed)},
)
async def merge_gallery_groups(
    group_id: RowId,
    request: Request,
    expected: IfMatch,
    *,
    caller: AdminOnly,
    body: Annotated[GroupsToMerge, json_body(GroupsToMerge)],
    services: ServicesDep,
    response: Response,
) -> GalleryGroup:
    """The pictures of the other groups come behind those of this one, group by group. They keep their ids, and get new
    numbers in the group. The other groups vanish, and with them the links that share them; groups below them are below
    this one from then on."""
    address = client_address(request)
    row = await services.arranging.merge(group_id, body.from_groups, caller.account, address, expected=expected)
    tag(response, row)
    return GalleryGroup.of(row)


@router.post(
    "/api/gallery/groups/{group_id}/pictures",
    summary="Move pictures into a group",
    responses={200: TAGGED, **errors(NoSuchGroup)},
)
async def move_gallery_pictures(
    group_id: RowId,
    *,
    _caller: AdminOnly,
    body: Annotated[PicturesToMove, json_body(PicturesToMove)],
    session: Writing,
    response: Response,
) -> GalleryGroup:
    """They come from any groups behind the pictures of this one, in the order of the request, and get new numbers in
    the group. Pictures that are in it already stay in their place."""
    row = await service.move_pictures(session, group_id, body.pictures)
    tag(response, row)
    return GalleryGroup.of(row)
