"""The endpoints of `/api/gallery/pictures` and `/api/gallery/tags`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from imagehub_service.gallery.added import AddedFrom, AddedTo, added
from imagehub_service.gallery.entity_tags import tag
from imagehub_service.gallery.groups.schemas import PlaceInOrder
from imagehub_service.gallery.pictures import repository, search_repository, service
from imagehub_service.gallery.pictures.errors import NoSuchPicture
from imagehub_service.gallery.pictures.schemas import (
    GalleryPicture,
    GalleryPictureList,
    ListedPicture,
    PictureChanges,
    TagCount,
    TagCountList,
)
from imagehub_service.gallery.pictures.search_repository import HASH_BITS, PictureFilter
from imagehub_service.gallery.text_fields import Search, TagFilter
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.parameters import LARGEST_ROW_ID, RowId
from lightbox_shared.responses.conditional import PreconditionFailed
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.responses.urls import public_base
from lightbox_shared.responses.versioned import IfMatch

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

MAX_DISTANCE = HASH_BITS // 2
TAGGED = headers(ETag="Of this version, for `If-Match`.")


async def _filter(
    *,
    q: Search = None,
    tag: TagFilter = [],  # noqa: B006 - FastAPI copies it
    group: Annotated[
        int | None, Query(ge=1, le=LARGEST_ROW_ID, description="Pictures of this group, in its order.")
    ] = None,
    since: AddedFrom = None,
    until: AddedTo = None,
    sha256: Annotated[
        str | None,
        Query(pattern="^[0-9a-fA-F]{64}$", description="Of the file, hexadecimal: whether it is here already."),
    ] = None,
    media_type: Annotated[str | None, Query(max_length=100, pattern=r"^[!-~]+$", description="Of the file.")] = None,
) -> PictureFilter:
    digest = None if sha256 is None else bytes.fromhex(sha256)
    return PictureFilter(q, tag, group, added(since, until), digest, media_type)


@router.get("/api/gallery/pictures", summary="Find pictures")
async def list_gallery_pictures(
    request: Request,
    *,
    _caller: AdminOnly,
    services: ServicesDep,
    session: Reading,
    page: PageQuery,
    wanted: Annotated[PictureFilter, Depends(_filter)],
    similar_to: Annotated[
        int | None, Query(ge=1, le=LARGEST_ROW_ID, description="The nearest ones to this picture first.")
    ] = None,
    distance: Annotated[
        int, Query(ge=0, le=MAX_DISTANCE, description="With `similar_to`: how many of 64 bits may differ.")
    ] = 6,
) -> GalleryPictureList:
    """The pictures that fit all filters, newest first. Each `tag` has to be there, in upper or lower case."""
    found = await service.search(session, wanted, page, similar_to=similar_to, distance=distance)
    base = public_base(request, services.settings.public_url)
    pictures = [ListedPicture.found(each.picture, each.distance, public_base=base) for each in found.rows]
    return GalleryPictureList(pictures=pictures, next_cursor=found.next_cursor)


@router.get(
    "/api/gallery/pictures/{picture_id}", summary="One picture", responses={200: TAGGED, **errors(NoSuchPicture)}
)
async def retrieve_gallery_picture(
    picture_id: RowId,
    request: Request,
    *,
    _caller: AdminOnly,
    services: ServicesDep,
    session: Reading,
    response: Response,
) -> GalleryPicture:
    """What is known about a picture, and the addresses of its sizes."""
    row = await repository.find(session, picture_id)
    if row is None:
        raise NoSuchPicture
    tag(response, row)
    return GalleryPicture.of(row, public_base=public_base(request, services.settings.public_url))


@router.patch(
    "/api/gallery/pictures/{picture_id}",
    summary="Change what is written about a picture",
    responses={200: TAGGED, **errors(NoSuchPicture, PreconditionFailed)},
)
async def update_gallery_picture(
    picture_id: RowId,
    request: Request,
    expected: IfMatch,
    *,
    _caller: AdminOnly,
    body: Annotated[PictureChanges, json_body(PictureChanges)],
    services: ServicesDep,
    session: Writing,
    response: Response,
) -> GalleryPicture:
    """What is absent stays as it is. With `If-Match` a picture that has been changed meanwhile is not changed
    again."""
    row = await service.change(session, picture_id, body, expected)
    tag(response, row)
    return GalleryPicture.of(row, public_base=public_base(request, services.settings.public_url))


@router.delete(
    "/api/gallery/pictures/{picture_id}",
    status_code=204,
    summary="Delete a picture",
    responses=errors(NoSuchPicture, PreconditionFailed),
)
async def delete_gallery_picture(
    picture_id: RowId, expected: IfMatch, request: Request, caller: AdminOnly, services: ServicesDep
) -> Response:
    """The file in the drive stays. The picture's number in the group is not given to another one."""
    address = client_address(request)
    await services.arranging.delete_picture(picture_id, caller.account, address, expected=expected)
    return Response(status_code=204)


@router.put(
    "/api/gallery/pictures/{picture_id}/position",
    status_code=204,
    summary="Put a picture into another place of its group",
    responses=errors(NoSuchPicture),
)
async def move_gallery_picture(
    picture_id: RowId,
    _caller: AdminOnly,
    body: Annotated[PlaceInOrder, json_body(PlaceInOrder)],
    session: Writing,
) -> Response:
    """Directly before or behind another picture of the group. Its number stays the same."""
    await service.move(session, picture_id, body)
    return Response(status_code=204)


@router.get("/api/gallery/tags", summary="The tags of all pictures")
async def list_gallery_tags(_caller: AdminOnly, session: Reading, page: PageQuery, q: Search = None) -> TagCountList:
    """With the number of their pictures, the most frequent first; with `q` those that begin like this. Spellings that
    differ in upper and lower case are one tag. A tag that is added or removed meanwhile may move others to a page
    that was read already."""
    skip = page.after or 0
    rows = await search_repository.tag_counts(session, beginning=q, skip=skip, limit=page.limit + 1)
    numbered = list(enumerate(rows, skip + 1))
    found = Page.of(numbered, page, lambda each: each[0])
    tags = [TagCount(tag=row.tag, picture_count=row.pictures) for _, row in found.rows]
    return TagCountList(tags=tags, next_cursor=found.next_cursor)
