"""The rules of pictures: finding them, what is written about them, their order, and deleting one."""

from collections.abc import Sequence

from imagehub_service.gallery import positions
from imagehub_service.gallery.changes_repository import write_changes
from imagehub_service.gallery.groups import repository as groups
from imagehub_service.gallery.groups.errors import unknown
from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.groups.schemas import PlaceInOrder
from imagehub_service.gallery.pictures import repository, search_repository
from imagehub_service.gallery.pictures.errors import NoSuchPicture
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.pictures.schemas import PictureChanges
from imagehub_service.gallery.pictures.search_repository import Found, Likeness, PictureFilter
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.responses.pagination import Page, PageRequest
from lightbox_shared.responses.versioned import check_version


async def search(
    session: ReadSession, wanted: PictureFilter, page: PageRequest, *, similar_to: int | None, distance: int
) -> Page[Found]:
    """A page of pictures with their distances: the nearest ones first with `similar_to`, in the order of the group if
    one is wanted, else the newest first. Raises `InvalidRequest` if there is no picture with the id `similar_to`."""
    limit = page.limit + 1
    if similar_to is not None:
        like = await repository.find(session, similar_to)
        if like is None:
            raise InvalidRequest.of("similar_to", NoSuchPicture.default_detail, "query")
        likeness = Likeness(like.id, like.difference_hash, distance)
        rows = await search_repository.similar(session, wanted, likeness, after=page.after, limit=limit)
        return Page.of(rows, page, search_repository.place_of)
    if wanted.group is not None:
        after = positions.FIRST if page.after is None else positions.from_cursor(page.after)
        rows = await search_repository.in_order(session, wanted, after=after, limit=limit)
        return Page.of(rows, page, lambda each: positions.to_cursor(each.picture.position))
    rows = await search_repository.newest(session, wanted, after=page.after, limit=limit)
    return Page.of(rows, page, lambda each: each.picture.id)


async def change(session: WriteSession, picture_id: int, wanted: PictureChanges, expected: str | None) -> Picture:
    """Change what is written about a picture, if `expected` (`If-Match`) names no other version. Raises
    `NoSuchPicture` and `PreconditionFailed`."""
    row = await repository.lock(session, picture_id)
    if row is None:
        raise NoSuchPicture
    check_version(expected, row)
    given = wanted.model_dump(include=wanted.model_fields_set)
    if any(getattr(row, name) != value for name, value in given.items()):
        await write_changes(session, row, given)
        await revisions.changed(session, order=False)
    return row


async def remove(session: WriteSession, picture_id: int, expected: str | None) -> None:
    """Delete a picture, if `expected` (`If-Match`) names no other version. Its number in the group is never used
    again. Raises `NoSuchPicture` and `PreconditionFailed`."""
    group = await _lock_group(session, picture_id)
    row = await repository.lock(session, picture_id)
    if row is None:
        raise NoSuchPicture
    check_version(expected, row)
    await repository.remove(session, picture_id)
    emptied = await groups.count_out(session, {picture_id: group.id})
    await revisions.changed(session, order=emptied)


async def move(session: WriteSession, picture_id: int, place: PlaceInOrder) -> None:
    """Put a picture directly before or behind another one of its group. Raises `NoSuchPicture` and
    `InvalidRequest`."""
    group = await _lock_group(session, picture_id)
    if place.neighbour == picture_id:
        raise InvalidRequest.of(place.field, "This is the picture itself.")
    rows = repository.arranged(group)
    if not await positions.move(session, rows, picture_id, neighbour=place.neighbour, before=place.is_before):
        raise unknown(place.field, [place.neighbour], "pictures in this group")
    await revisions.changed(session, order=False)


async def _lock_group(session: WriteSession, picture_id: int) -> Group:
    """Lock the group of a picture, which stays in it until the transaction ends. Raises `NoSuchPicture`."""
    await groups.lock_structure(session)
    found = await repository.groups_of(session, {picture_id})
    rows: Sequence[Group] = list((await groups.lock(session, set(found.values()))).values())
    if not rows:
        raise NoSuchPicture
    return rows[0]
