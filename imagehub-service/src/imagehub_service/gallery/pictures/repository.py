"""The queries that change pictures and their order. `gallery/groups/repository` says what is locked in which order."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, BigInteger, Integer, delete, func, literal, select, update

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.positions_repository import ArrangedList
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


def arranged(group: Group) -> ArrangedList:
    """The pictures of a locked group, as a list that administrators arrange."""
    among = (Picture.group_id == group.id,)
    return ArrangedList(Picture, Picture.id, Picture.position, float(group.next_image_id), among)


async def count(session: ReadSession) -> int:
    """The number of all pictures."""
    return (await session.scalars(select(func.count()).select_from(Picture))).one()
