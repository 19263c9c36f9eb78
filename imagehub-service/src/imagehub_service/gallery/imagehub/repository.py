"""The statements behind ImageHub's lists of groups and pictures, and its deletion of pictures."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, BigInteger, Integer, Row, cast, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.groups.repository import count_out
from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.database import ReadSession, WriteSession

BATCH_NAMES: Final = 1000


class Deleted(NamedTuple):
    """What was deleted."""

    pictures: int
    emptied: bool
    """Whether a group has no pictures any more."""


async def groups(session: ReadSession) -> Sequence[int]:
    """The numbers of the groups that have pictures."""
    statement = select(func.array_agg(aggregate_order_by(Group.id, Group.id))).where(Group.picture_count > 0)
    return await session.scalar(statement) or ()


async def names(session: ReadSession, after: tuple[int, int]) -> Sequence[Row[*tuple[Any, ...]]]:
    """Pictures by their groups and their numbers there, behind these two numbers: `BATCH_NAMES` at most."""
    statement = (
        select(Picture.group_id, Picture.image_id, Picture.folder_name, Picture.name)
        .where(tuple_(Picture.group_id, Picture.image_id) > after)
        .order_by(Picture.group_id, Picture.image_id)
        .limit(BATCH_NAMES)
    )
    return (await session.execute(statement)).all()


async def remove(session: WriteSession, pictures: Collection[tuple[int, int]]) -> Deleted:
    """Delete pictures by the numbers of their groups and their numbers there; those that do not exist are left out.

    The groups are locked, in the order of their numbers, and count their pictures. The caller still has to say that
    the gallery has changed (`revisions.repository.changed`).
    """
    group_ids = sorted({group_id for group_id, _ in pictures})
    locked = select(Group.id).where(Group.id == func.any(cast(group_ids, ARRAY(BigInteger))))
    await session.execute(locked.order_by(Group.id).with_for_update())
    wanted = select(
        func.unnest(cast([group_id for group_id, _ in pictures], ARRAY(BigInteger))),
        func.unnest(cast([image_id for _, image_id in pictures], ARRAY(Integer))),
    )
    statement = delete(Picture).where(tuple_(Picture.group_id, Picture.image_id).in_(wanted))
    gone = (await session.execute(statement.returning(Picture.id, Picture.group_id))).all()
    if not gone:
        return Deleted(0, emptied=False)
    emptied = await count_out(session, {row.id: row.group_id for row in gone})
    return Deleted(len(gone), emptied=emptied)
