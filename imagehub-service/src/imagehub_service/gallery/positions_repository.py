"""The statements on positions (`gallery/positions`), for groups and for the pictures of a group alike."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from imagehub_service.orm import Base
from lightbox_shared.database import ReadSession, WriteSession

Session = ReadSession | WriteSession
Gap = tuple[float | None, float | None]
"""Two neighbouring positions of a list; None for that before its first row, and behind its last one."""


@dataclass(frozen=True, slots=True)
class ArrangedList:
    """A list that administrators arrange."""

    table: type[Base]
    id: InstrumentedAttribute[int]
    position: InstrumentedAttribute[float]
    next_position: float
    """The position of the next row."""
    among: tuple[ColumnElement[bool], ...] = ()
    """What is true of the rows of the list, and of no others; nothing if it has all rows of the table."""


async def position(session: Session, rows: ArrangedList, row_id: int) -> float | None:
    """The position of a row; None if it is not in the list."""
    found: float | None = await session.scalar(select(rows.position).where(rows.id == row_id, *rows.among))
    return found


async def set_position(session: WriteSession, rows: ArrangedList, row_id: int, position: float) -> None:
    """Put a row into its place."""
    statement = update(rows.table).where(rows.id == row_id).values(position=position)
    await session.execute(statement.execution_options(synchronize_session=False))


async def gap(session: Session, rows: ArrangedList, row_id: int, neighbour: int, *, before: bool) -> Gap | None:
    """The gap directly before or behind a row, for the row `row_id`; None if there is no such neighbour in the list."""
    middle = await position(session, rows, neighbour)
    if middle is None:
        return None
    others, place = (rows.id != row_id, *rows.among), rows.position
    if before:
        return await session.scalar(select(func.max(place)).where(*others, place < middle)), middle
    return middle, await session.scalar(select(func.min(place)).where(*others, place > middle))


async def renumber(session: WriteSession, rows: ArrangedList) -> None:
    """Give all rows new positions, in equal distances. No other transaction arranges the list."""
    # In the order of their numbers, as everywhere; the update would lock them in any order.
    locked = select(rows.id).where(*rows.among).order_by(rows.id).with_for_update().subquery()
    await session.execute(select(func.count()).select_from(locked))
    place = func.row_number().over(order_by=(rows.position, rows.id))
    ordered = select(rows.id, place.label("place")).where(*rows.among).subquery()
    count = select(func.count()).select_from(ordered).scalar_subquery()
    statement = (
        update(rows.table)
        .where(rows.id == ordered.c.id)
        .values(position=rows.next_position * ordered.c.place / (count + 1))
        .execution_options(synchronize_session=False)
    )
    await session.execute(statement)
