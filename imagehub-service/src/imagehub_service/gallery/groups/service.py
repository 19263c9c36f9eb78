"""The rules of groups: which may be below which, and their order."""

from typing import Final

from imagehub_service.gallery import positions
from imagehub_service.gallery.changes_repository import write_changes
from imagehub_service.gallery.groups import repository
from imagehub_service.gallery.groups.errors import CircularGroups, GroupsTooDeep, NoSuchGroup, unknown
from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.groups.schemas import GroupChanges, NewGalleryGroup, PlaceInOrder
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.responses.versioned import check_version

MAX_LEVELS: Final = 8
_COLUMNS: Final = {"title": "title", "caption": "caption", "cover": "cover_id", "parent": "parent_id"}


async def create(session: WriteSession, wanted: NewGalleryGroup) -> Group:
    """Make a group. Raises `InvalidRequest` for a parent that does not exist, and `GroupsTooDeep`."""
    if wanted.parent is not None:
        await repository.lock_structure(session)
        if wanted.parent not in await repository.lock(session, {wanted.parent}):
            raise unknown("parent", [wanted.parent])
        await check_depth(session, wanted.parent, 1)
    return await repository.add(session, title=wanted.title, caption=wanted.caption, parent_id=wanted.parent)


async def change(session: WriteSession, group_id: int, wanted: GroupChanges, expected: str | None) -> Group:
    """Change a group, if `expected` (`If-Match`) names no other version.

    Raises `NoSuchGroup`, `PreconditionFailed`, `CircularGroups`, `GroupsTooDeep`, and `InvalidRequest` for a parent or
    a cover that does not exist.
    """
    given = wanted.model_dump(include=wanted.model_fields_set)
    locked = {group_id}
    if wanted.parent is not None:
        locked.add(wanted.parent)
    if "parent" in given:
        await repository.lock_structure(session)
    rows = await repository.lock(session, locked)
    if group_id not in rows:
        raise NoSuchGroup
    row = rows[group_id]
    check_version(expected, row)
    if wanted.parent is not None:
        if wanted.parent not in rows:
            raise unknown("parent", [wanted.parent])
        below = await repository.subgroups(session, group_id)
        if wanted.parent in below:
            raise CircularGroups
        await check_depth(session, wanted.parent, 1 + max(below.values()))
    if wanted.cover is not None and not await repository.has_picture(session, group_id, wanted.cover):
        raise unknown("cover", [wanted.cover], "pictures in this group")
    values = {_COLUMNS[name]: value for name, value in given.items()}
    if any(getattr(row, name) != value for name, value in values.items()):
        await write_changes(session, row, values)
        await revisions.changed(session, order=False)
    return row


async def check_depth(session: ReadSession | WriteSession, parent_id: int, levels: int) -> None:
    """Raise `GroupsTooDeep` if so many levels below a group are too many."""
    if len(await repository.ancestors(session, parent_id)) + levels > MAX_LEVELS:
        raise GroupsTooDeep


async def move(session: WriteSession, group_id: int, place: PlaceInOrder) -> None:
    """Put a group directly before or behind another one. Raises `NoSuchGroup` and `InvalidRequest`."""
    await repository.lock_structure(session)
    row = await repository.find(session, group_id)
    if row is None:
        raise NoSuchGroup
    if place.neighbour == group_id:
        raise InvalidRequest.of(place.field, "This is the group itself.")
    rows = await repository.arranged(session)
    if not await positions.move(session, rows, group_id, neighbour=place.neighbour, before=place.is_before):
        raise unknown(place.field, [place.neighbour])
    await revisions.changed(session, order=True)
