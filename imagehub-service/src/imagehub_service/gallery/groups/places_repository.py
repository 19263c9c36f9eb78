"""The statements by which pictures get their places in groups. A group counts its pictures, and gives out their
numbers."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, cast, func, select, update

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.database import ReadSession, WriteSession


class Place(NamedTuple):
    """The place of a new picture in a group."""

    image_id: int
    is_first: bool
    """Whether the group had no picture, so that from now on visitors see it."""


async def existing(session: ReadSession, group_ids: Collection[int]) -> set[int]:
    """Those of the groups that exist."""
    return set(
        await session.scalars(select(Group.id).where(Group.id == func.any(cast(list(group_ids), ARRAY(BigInteger)))))
    )


async def create(session: WriteSession) -> int:
    """Make a group without pictures and return its number, which is also its place among the groups. The counters of
    the gallery are locked until the transaction ends."""
    number = await revisions.next_group(session)
    session.add(Group(id=number, position=float(number)))
    await session.flush()
    return number


async def next_place(session: WriteSession, group_id: int) -> Place | None:
    """A place for one more picture; None if there is no such group."""
    statement = (
        update(Group)
        .where(Group.id == group_id)
        .values(next_image_id=Group.next_image_id + 1, picture_count=Group.picture_count + 1, modified_at=func.now())
        .returning(Group.next_image_id - 1, Group.picture_count)
    )
    found = (await session.execute(statement)).one_or_none()
    return None if found is None else Place(found[0], found[1] == 1)
