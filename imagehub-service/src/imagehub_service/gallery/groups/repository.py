"""The queries on groups.

What changes which group is below which, or in which group a picture is, holds the lock of `lock_structure`. After it,
rows of groups are locked in the order of their numbers, then rows of pictures, and the counters of the gallery come
last. So no two transactions wait for each other.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import ARRAY, BigInteger, Integer, case, cast, column, func, literal, select, table, text, update
from sqlalchemy.orm import aliased

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.positions_repository import ArrangedList
from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.gallery.revisions.models import Revision
from lightbox_shared.database import ReadSession, WriteSession

Session = ReadSession | WriteSession
_LOCK: Final = 0x6A11E27
_PICTURES: Final = table("pictures", column("id", BigInteger), column("group_id", BigInteger))
"""The model of pictures refers to that of groups, so it can't be imported here."""


async def lock_structure(session: WriteSession) -> None:
    """Wait until no other transaction rearranges the gallery, and keep others from it until this one ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def lock(session: WriteSession, group_ids: Collection[int]) -> dict[int, Group]:
    """Lock those of the groups that exist, by number."""
    statement = select(Group).where(Group.id.in_(group_ids)).order_by(Group.id).with_for_update()
    rows = await session.scalars(statement, execution_options={"populate_existing": True})
    return {row.id: row for row in rows}


async def find(session: Session, group_id: int) -> Group | None:
    """One group."""
    return await session.get(Group, group_id)


async def page(session: Session, *, after: float, parent: int | None, limit: int) -> Sequence[Group]:
    """Groups behind a position, in their order; those without a group above them for the parent 0."""
    statement = select(Group).where(Group.position > after).order_by(Group.position, Group.id).limit(limit)
    if parent is not None:
        statement = statement.where(Group.parent_id == parent if parent else Group.parent_id.is_(None))
    return (await session.scalars(statement)).all()


async def add(session: WriteSession, *, title: str | None, caption: str | None, parent_id: int | None) -> Group:
    """Make a group without pictures, behind all others. The counters of the gallery are locked from now on, and the
    group above it must be locked before."""
    number = await revisions.next_group(session)
    row = Group(id=number, position=float(number), title=title, caption=caption, parent_id=parent_id)
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row


async def remove(session: WriteSession, row: Group) -> None:
    """Delete a group, which has neither pictures nor groups below it. Its shares end."""
    await session.delete(row)
    await session.flush()


async def has_picture(session: Session, group_id: int, picture_id: int) -> bool:
    """Whether a picture is in a group."""
    mine = (_PICTURES.c.id == picture_id, _PICTURES.c.group_id == group_id)
    return await session.scalar(select(_PICTURES.c.id).where(*mine)) is not None


async def ancestors(session: Session, group_id: int) -> list[int]:
    """The group itself and the groups above it, from below."""
    above = (
        select(Group.id, Group.parent_id, literal(0, Integer).label("level"))
        .where(Group.id == group_id)
        .cte("above", recursive=True)
    )
    parent = aliased(Group)
    above = above.union_all(
        select(parent.id, parent.parent_id, above.c.level + 1).where(parent.id == above.c.parent_id)
    )
    return list(await session.scalars(select(above.c.id).order_by(above.c.level)))


async def subgroups(session: Session, group_id: int) -> dict[int, int]:
    """The group itself and all groups below it, each with its level below the group."""
    below = (
        select(Group.id, literal(0, Integer).label("level")).where(Group.id == group_id).cte("below", recursive=True)
    )
    child = aliased(Group)
    below = below.union_all(select(child.id, below.c.level + 1).where(child.parent_id == below.c.id))
    return {row.id: row.level for row in await session.execute(select(below.c.id, below.c.level))}


async def children(session: Session, group_ids: Collection[int]) -> list[int]:
    """The groups directly below one of these."""
    return list(await session.scalars(select(Group.id).where(Group.parent_id.in_(group_ids)).order_by(Group.id)))


async def put_below(session: WriteSession, group_ids: Collection[int], parent_id: int | None) -> None:
    """Put locked groups below another one, or below none."""
    if group_ids:
        await session.execute(update(Group).where(Group.id.in_(group_ids)).values(parent_id=parent_id))


async def arranged(session: Session) -> ArrangedList:
    """All groups, as the list that administrators arrange."""
    next_group = (await session.execute(select(Revision.next_group))).scalar_one()
    return ArrangedList(Group, Group.id, Group.position, float(next_group))


async def count_out(session: WriteSession, pictures: Mapping[int, int]) -> bool:
    """Count pictures out of the groups that they have left, given by id with these groups, which are locked; whether
    one of them has none any more. A group whose cover is among the pictures has none, which is a new version of it."""
    counts = Counter(pictures.values())
    left = select(
        func.unnest(cast(list(counts.keys()), ARRAY(BigInteger))).label("group_id"),
        func.unnest(cast(list(counts.values()), ARRAY(Integer))).label("pictures"),
    ).subquery()
    loses_cover = Group.cover_id == func.any(cast(list(pictures), ARRAY(BigInteger)))
    statement = (
        update(Group)
        .where(Group.id == left.c.group_id)
        .values(
            picture_count=Group.picture_count - left.c.pictures,
            cover_id=case((loses_cover, None), else_=Group.cover_id),
            version=case((loses_cover, Group.version + 1), else_=Group.version),
            modified_at=func.now(),
        )
        .returning(Group.picture_count)
        .execution_options(synchronize_session=False)
    )
    return 0 in (await session.scalars(statement)).all()


async def take_numbers(session: WriteSession, group_id: int, count: int) -> int:
    """Take numbers for `count` pictures that come into a group, and return the first one. The pictures count from now
    on."""
    statement = (
        update(Group)
        .where(Group.id == group_id)
        .values(
            next_image_id=Group.next_image_id + count,
            picture_count=Group.picture_count + count,
            modified_at=func.now(),
        )
        .returning(Group.next_image_id - count)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one()
