"""The queries that change pictures and their order. `gallery/groups/repository` says what is locked in which order."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, delete, func, literal, select, update

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.positions import FIRST
from lightbox_shared.database import ReadSession, WriteSession

Session = ReadSession | WriteSession


async def find(session: Session, picture_id: int) -> Picture | None:
    """One picture."""
    return await session.get(Picture, picture_id)


async def lock(session: WriteSession, picture_id: int) -> Picture | None:
    """One picture, locked."""
    return await session.get(Picture, picture_id, with_for_update=True, populate_existing=True)


async def of_group(session: Session, group_id: int, *, after: float, limit: int) -> Sequence[Picture]:
    """Pictures of a group behind a position, in their order."""
    statement = select(Picture).where(Picture.group_id == group_id, Picture.position > after)
    return (await session.scalars(statement.order_by(Picture.position, Picture.id).limit(limit))).all()


async def groups_of(session: Session, picture_ids: Collection[int]) -> dict[int, int]:
    """The numbers of the groups of those of the pictures that exist."""
    rows = await session.execute(select(Picture.id, Picture.group_id).where(Picture.id.in_(picture_ids)))
    return {row.id: row.group_id for row in rows}


async def change(session: WriteSession, row: Picture, values: Mapping[str, Any]) -> None:
    """Write what an administrator has changed. The row is locked."""
    for name, value in values.items():
        setattr(row, name, value)
    row.version += 1
    row.modified_at = func.now()
    await session.flush()
    await session.refresh(row)


async def remove(session: WriteSession, picture_id: int) -> bool:
    """Delete a picture; whether it was there. Its group, which counts it, is locked."""
    statement = delete(Picture).where(Picture.id == picture_id).returning(Picture.id)
    return (await session.execute(statement.execution_options(synchronize_session=False))).scalar() is not None


async def remove_all(session: WriteSession, group_id: int) -> int:
    """Delete the pictures of a locked group; how many."""
    statement = delete(Picture).where(Picture.group_id == group_id).returning(Picture.id)
    return len((await session.execute(statement.execution_options(synchronize_session=False))).all())


async def move(session: WriteSession, picture_ids: Sequence[int], group_id: int, first_number: int) -> None:
    """Put pictures into another group, in this order, with numbers from `first_number` on."""
    wanted = literal(list(picture_ids), ARRAY(BigInteger))
    number = func.array_position(wanted, Picture.id, type_=Integer) + (first_number - 1)
    statement = (
        update(Picture)
        .where(Picture.id == func.any(wanted))
        .values(group_id=group_id, image_id=number, position=number, modified_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


async def move_all(session: WriteSession, group_ids: Sequence[int], target_id: int, first_number: int) -> None:
    """Put all pictures of these groups into another one: group by group, and in their order."""
    froms = literal(list(group_ids), ARRAY(BigInteger))
    place = func.row_number().over(
        order_by=(func.array_position(froms, Picture.group_id), Picture.position, Picture.id)
    )
    numbered = select(Picture.id, (place + (first_number - 1)).label("number")).where(
        Picture.group_id == func.any(froms)
    )
    moved = numbered.subquery()
    statement = (
        update(Picture)
        .where(Picture.id == moved.c.id)
        .values(group_id=target_id, image_id=moved.c.number, position=moved.c.number, modified_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


async def position(session: Session, group_id: int, picture_id: int) -> float | None:
    """The position of a picture; None if it is not in this group."""
    statement = select(Picture.position).where(Picture.id == picture_id, Picture.group_id == group_id)
    found: float | None = await session.scalar(statement)
    return found


async def set_position(session: WriteSession, picture_id: int, position: float) -> None:
    """Put a picture into its place."""
    statement = update(Picture).where(Picture.id == picture_id).values(position=position)
    await session.execute(statement.execution_options(synchronize_session=False))


async def gaps(session: Session, group: Group, picture_id: int, neighbour: float) -> tuple[float, float]:
    """The positions next to that of a picture, of pictures of the group other than `picture_id`: below it and above
    it."""
    others = (Picture.group_id == group.id, Picture.id != picture_id)
    low = await session.scalar(select(func.max(Picture.position)).where(*others, Picture.position < neighbour))
    high = await session.scalar(select(func.min(Picture.position)).where(*others, Picture.position > neighbour))
    return FIRST if low is None else low, float(group.next_image_id) if high is None else high


async def renumber(session: WriteSession, group: Group) -> None:
    """Give all pictures of a locked group new positions, in equal distances."""
    place = func.row_number().over(order_by=(Picture.position, Picture.id))
    ordered = select(Picture.id, place.label("place")).where(Picture.group_id == group.id).subquery()
    count = select(func.count()).select_from(Picture).where(Picture.group_id == group.id).scalar_subquery()
    statement = (
        update(Picture)
        .where(Picture.id == ordered.c.id)
        .values(position=float(group.next_image_id) * ordered.c.place / (count + 1))
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)


async def count(session: ReadSession) -> int:
    """The number of all pictures."""
    return (await session.scalars(select(func.count()).select_from(Picture))).one()
