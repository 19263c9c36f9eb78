"""`/image/groups` and `/image/pictures`: what pages that show the gallery read, an account or not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from imagehub_service.dependencies import Visitor
from imagehub_service.gallery import positions
from imagehub_service.gallery.added import AddedFrom, AddedTo, added
from imagehub_service.gallery.groups.errors import NoSuchGroup
from imagehub_service.gallery.pictures import repository as pictures
from imagehub_service.gallery.pictures import service as search
from imagehub_service.gallery.pictures.errors import NoSuchPicture
from imagehub_service.gallery.pictures.search_repository import PictureFilter
from imagehub_service.gallery.text_fields import Search, TagFilter
from imagehub_service.gallery.visitors import repository
from imagehub_service.gallery.visitors.repository import GroupRow
from imagehub_service.gallery.visitors.schemas import (
    GroupCover,
    PictureWithNeighbours,
    ShownGroup,
    ShownGroupList,
    ShownPicture,
    ShownPictureList,
)
from imagehub_service.state import ServicesDep
from imagehub_service.visibility import GalleryVisitor
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import LARGEST_ROW_ID, RowId
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB)], responses=errors(NotAuthenticated, Forbidden))

Parent = Annotated[
    int | None, Query(ge=0, le=LARGEST_ROW_ID, description="The group above; 0 for those that have none.")
]


async def _public_base(request: Request, services: ServicesDep) -> str:
    return public_base(request, services.settings.public_url)


Base = Annotated[str, Depends(_public_base)]


async def _filter(
    visitor: Visitor,
    *,
    q: Search = None,
    tag: TagFilter = [],  # noqa: B006 - FastAPI copies it
    group: Annotated[int | None, Query(ge=1, le=LARGEST_ROW_ID, description="In its order.")] = None,
    since: AddedFrom = None,
    until: AddedTo = None,
) -> PictureFilter:
    return PictureFilter(q, tag, group, added(since, until), only=visitor.groups)


@router.get("/image/groups", summary="The groups that visitors see")
async def list_shown_groups(
    *, visitor: Visitor, session: Reading, page: PageQuery, base: Base, parent: Parent = None, q: Search = None
) -> ShownGroupList:
    """In their order, each with its cover. A group whose group above has no pictures counts as one without."""
    after = positions.FIRST if page.after is None else positions.from_cursor(page.after)
    rows = await repository.groups(session, visitor.groups, after=after, parent=parent, text=q, limit=page.limit + 1)
    found = Page.of(rows, page, lambda row: positions.to_cursor(row.group.position))
    return ShownGroupList(groups=[_group(row, visitor, base) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/image/groups/{group_id}", summary="A group that visitors see", responses=errors(NoSuchGroup))
async def retrieve_shown_group(group_id: RowId, visitor: Visitor, session: Reading, base: Base) -> ShownGroup:
    """Without its pictures: `/image/pictures?group=` lists them."""
    row = await repository.group(session, visitor.groups, group_id)
    if row is None:
        raise NoSuchGroup
    return _group(row, visitor, base)


@router.get("/image/pictures", summary="Find pictures that visitors see")
async def list_shown_pictures(
    visitor: Visitor,
    session: Reading,
    page: PageQuery,
    base: Base,
    wanted: Annotated[PictureFilter, Depends(_filter)],
) -> ShownPictureList:
    """Those that fit all filters: in the order of the group if one is given, else the newest first. Each `tag` has to
    be there, in upper or lower case."""
    found = await search.search(session, wanted, page, similar_to=None, distance=0)
    shown = [ShownPicture.of(each.picture, public_base=base, key=visitor.key) for each in found.rows]
    return ShownPictureList(pictures=shown, next_cursor=found.next_cursor)


@router.get("/image/pictures/{picture_id}", summary="A picture that visitors see", responses=errors(NoSuchPicture))
async def retrieve_shown_picture(
    picture_id: RowId, visitor: Visitor, session: Reading, base: Base
) -> PictureWithNeighbours:
    """What is written about it, the addresses of its sizes, and which pictures are beside it."""
    row = await pictures.find(session, picture_id)
    if row is None or not visitor.may_see(row.group_id):
        raise NoSuchPicture
    beside = await repository.neighbours(session, row)
    shown = ShownPicture.of(row, public_base=base, key=visitor.key)
    return PictureWithNeighbours(picture=shown, previous=beside.previous, next=beside.next)


def _group(row: GroupRow, visitor: GalleryVisitor, base: str) -> ShownGroup:
    cover = GroupCover.of(row.cover, public_base=base, key=visitor.key)
    return ShownGroup.of(row.group, cover, parent=row.parent, subgroups=row.subgroups)
