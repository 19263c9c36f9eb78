"""The endpoints of `/api/gallery/groups`. Those that also change pictures are in `gallery/arranging`."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from imagehub_service.gallery import positions
from imagehub_service.gallery.entity_tags import tag
from imagehub_service.gallery.groups import repository, service
from imagehub_service.gallery.groups.errors import CircularGroups, GroupsTooDeep, NoSuchGroup
from imagehub_service.gallery.groups.schemas import (
    GalleryGroup,
    GalleryGroupList,
    GroupChanges,
    NewGalleryGroup,
    PlaceInOrder,
)
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.parameters import LARGEST_ROW_ID, RowId
from lightbox_shared.responses.conditional import PreconditionFailed
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.responses.versioned import IfMatch

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

ParentFilter = Annotated[
    int | None, Query(ge=0, le=LARGEST_ROW_ID, description="The group above; 0 for groups without one.")
]
TAGGED = headers(ETag="Of this version, for `If-Match`.")


@router.get("/api/gallery/groups", summary="The groups of the gallery")
async def list_gallery_groups(
    _caller: AdminOnly, session: Reading, page: PageQuery, parent: ParentFilter = None
) -> GalleryGroupList:
    """All groups in their order, also those without pictures, which visitors do not see."""
    after = positions.FIRST if page.after is None else positions.from_cursor(page.after)
    rows = await repository.page(session, after=after, parent=parent, limit=page.limit + 1)
    found = Page.of(rows, page, lambda row: positions.to_cursor(row.position))
    return GalleryGroupList(groups=[GalleryGroup.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.post(
    "/api/gallery/groups",
    status_code=201,
    summary="Make a group",
    responses={201: {**headers(Location="The path of the group.", ETag="Of this version.")}, **errors(GroupsTooDeep)},
)
async def create_gallery_group(
    _caller: AdminOnly,
    body: Annotated[NewGalleryGroup, json_body(NewGalleryGroup)],
    session: Writing,
    response: Response,
) -> GalleryGroup:
    """It comes behind all others. Pictures come into it by `POST /admin/add/image`, or from other groups."""
    row = await service.create(session, body)
    response.headers["Location"] = f"/api/gallery/groups/{row.id}"
    tag(response, row)
    return GalleryGroup.of(row)


@router.get("/api/gallery/groups/{group_id}", summary="One group", responses={200: TAGGED, **errors(NoSuchGroup)})
async def retrieve_gallery_group(
    group_id: RowId, _caller: AdminOnly, session: Reading, response: Response
) -> GalleryGroup:
    """The group, without its pictures: `/api/gallery/pictures?group=` lists them."""
    row = await repository.find(session, group_id)
    if row is None:
        raise NoSuchGroup
    tag(response, row)
    return GalleryGroup.of(row)


@router.patch(
    "/api/gallery/groups/{group_id}",
    summary="Change a group",
    responses={200: TAGGED, **errors(NoSuchGroup, PreconditionFailed, CircularGroups, GroupsTooDeep)},
)
async def update_gallery_group(
    group_id: RowId,
    expected: IfMatch,
    *,
    _caller: AdminOnly,
    body: Annotated[GroupChanges, json_body(GroupChanges)],
    session: Writing,
    response: Response,
) -> GalleryGroup:
    """What is absent stays as it is, and null removes it. With `If-Match` a group that has been changed meanwhile is
    not changed again."""
    row = await service.change(session, group_id, body, expected)
    tag(response, row)
    return GalleryGroup.of(row)


@router.put(
    "/api/gallery/groups/{group_id}/position",
    status_code=204,
    summary="Put a group into another place",
    responses=errors(NoSuchGroup),
)
async def move_gallery_group(
    group_id: RowId,
    _caller: AdminOnly,
    body: Annotated[PlaceInOrder, json_body(PlaceInOrder)],
    session: Writing,
) -> Response:
    """Directly before or behind another group. The order is one of all groups, whichever is above them."""
    await service.move(session, group_id, body)
    return Response(status_code=204)
