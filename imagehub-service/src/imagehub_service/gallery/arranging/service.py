"""Deleting and merging groups, deleting pictures, and moving them between groups.

Deleting and merging can't be undone, so they are written down in the audit trail first: where that can't be done,
nothing is changed.
"""

from collections.abc import Collection
from typing import Final

from imagehub_service.gallery.changes_repository import write_changes
from imagehub_service.gallery.groups import repository as groups
from imagehub_service.gallery.groups import service as group_rules
from imagehub_service.gallery.groups.errors import CircularGroups, GroupHasPictures, NoSuchGroup, unknown
from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures import repository as pictures
from imagehub_service.gallery.pictures import service as picture_rules
from imagehub_service.gallery.pictures.errors import NoSuchPicture
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.audit import AuditTrail, Detail
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.responses.versioned import check_version

GROUP_DELETED: Final = "gallery-group-deleted"
GROUPS_MERGED: Final = "gallery-groups-merged"
PICTURE_DELETED: Final = "gallery-picture-deleted"


class Arranging:
    """The use cases that change several groups, or groups with their pictures."""

    def __init__(self, database: Database, audit: AuditTrail) -> None:
        self._database = database
        self._audit = audit

    async def delete(
        self, group_id: int, account_id: int, address: str, *, with_pictures: bool, expected: str | None
    ) -> None:
        """Delete a group, if `expected` (`If-Match`) names no other version. The groups below it move up. Raises
        `NoSuchGroup`, `PreconditionFailed`, `GroupHasPictures` unless `with_pictures`, and `Unavailable` if the audit
        trail does not answer."""
        async with self._database.reading() as session:
            row = await groups.find(session, group_id)
        count = _check_deletion(expected, row, with_pictures=with_pictures).picture_count
        details: dict[str, Detail] = {"group": group_id, "pictures": count}
        await self._audit.record(GROUP_DELETED, account_id, address, details)
        async with self._database.writing() as session:
            await groups.lock_structure(session)
            children = await groups.children(session, {group_id})
            rows = await groups.lock(session, {group_id, *children})
            row = _check_deletion(expected, rows.get(group_id), with_pictures=with_pictures)
            removed = await pictures.remove_all(session, group_id)
            await groups.put_below(session, children, row.parent_id)
            await groups.remove(session, row)
            await revisions.changed(session, order=removed > 0)

    async def delete_picture(self, picture_id: int, account_id: int, address: str, *, expected: str | None) -> None:
        """Delete a picture, if `expected` (`If-Match`) names no other version. Its number in the group is never used
        again. Raises `NoSuchPicture`, `PreconditionFailed`, and `Unavailable` if the audit trail does not answer."""
        async with self._database.reading() as session:
            row = await pictures.find(session, picture_id)
        if row is None:
            raise NoSuchPicture
        check_version(expected, row)
        details: dict[str, Detail] = {"picture": picture_id, "group": row.group_id}
        await self._audit.record(PICTURE_DELETED, account_id, address, details)
        async with self._database.writing() as session:
            await picture_rules.remove(session, picture_id, expected)

    async def merge(
        self, target_id: int, froms: Collection[int], account_id: int, address: str, *, expected: str | None
    ) -> Group:
        """Put the pictures of other groups behind those of the target, and the groups below them below the target; the
        emptied groups vanish. `expected` (`If-Match`) may name the version of the target. Raises `NoSuchGroup`,
        `PreconditionFailed`, `InvalidRequest` for groups that do not exist or are the target, `CircularGroups`,
        `GroupsTooDeep`, and `Unavailable` if the audit trail does not answer."""
        if target_id in froms:
            raise InvalidRequest.of("from", "The group itself is among them.")
        async with self._database.reading() as session:
            await _check_merge(session, target_id, froms, expected)
        details: dict[str, Detail] = {"group": target_id, "merged": [str(each) for each in froms]}
        await self._audit.record(GROUPS_MERGED, account_id, address, details)
        async with self._database.writing() as session:
            await groups.lock_structure(session)
            children = [each for each in await groups.children(session, froms) if each not in froms]
            rows = await groups.lock(session, {target_id, *froms, *children})
            await _check_merge(session, target_id, froms, expected)
            target = rows[target_id]
            await _merge(session, target, [rows[each] for each in froms], children)
            return target


async def _merge(session: WriteSession, target: Group, froms: list[Group], children: list[int]) -> None:
    count = sum(each.picture_count for each in froms)
    was_shown, first = target.picture_count > 0, target.next_image_id
    await groups.take_numbers(session, target.id, count)
    await pictures.move_all(session, [each.id for each in froms], target.id, first)
    await groups.put_below(session, children, target.id)
    for each in froms:
        await groups.remove(session, each)
    await write_changes(session, target, {})
    vanished = any(each.picture_count for each in froms)
    await revisions.changed(session, order=vanished or (count > 0 and not was_shown))


async def _check_merge(
    session: ReadSession | WriteSession, target_id: int, froms: Collection[int], expected: str | None
) -> None:
    target = await groups.find(session, target_id)
    if target is None:
        raise NoSuchGroup
    check_version(expected, target)
    missing = [each for each in froms if await groups.find(session, each) is None]
    if missing:
        raise unknown("from", missing)
    above = await groups.ancestors(session, target_id)
    if set(above) & set(froms):
        raise CircularGroups("A group can't be merged into a group below it.")
    for each in froms:
        levels = max((await groups.subgroups(session, each)).values())
        await group_rules.check_depth(session, target_id, levels)


def _check_deletion(expected: str | None, row: Group | None, *, with_pictures: bool) -> Group:
    if row is None:
        raise NoSuchGroup
    check_version(expected, row)
    if row.picture_count and not with_pictures:
        raise GroupHasPictures
    return row


async def move_pictures(session: WriteSession, group_id: int, picture_ids: Collection[int]) -> Group:
    """Put pictures behind those of a group, in this order; those that are in it stay where they are. Raises
    `NoSuchGroup` and `InvalidRequest` for pictures that do not exist."""
    await groups.lock_structure(session)
    sources = await pictures.groups_of(session, picture_ids)
    rows = await groups.lock(session, {group_id, *sources.values()})
    target = rows.get(group_id)
    if target is None:
        raise NoSuchGroup
    sources = await pictures.groups_of(session, picture_ids)  # some may have been deleted before the groups were locked
    missing = [each for each in picture_ids if each not in sources]
    if missing:
        raise unknown("pictures", missing, "pictures")
    moving = [each for each in picture_ids if sources[each] != group_id]
    if not moving:
        return target
    was_empty = target.picture_count == 0
    first = await groups.take_numbers(session, group_id, len(moving))
    await pictures.move(session, moving, group_id, first)
    emptied = await groups.count_out(session, {each: sources[each] for each in moving})
    await write_changes(session, target, {})
    await revisions.changed(session, order=emptied or was_empty)
    return target
