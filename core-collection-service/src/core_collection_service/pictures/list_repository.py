"""All SQL that reads many pictures at once: lists, the newest of each device, and what follows an id.

Every statement reads an index in its order and stops at its limit, so that it takes as long with millions of rows as
with thousands.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal, select, text, true, tuple_
from sqlalchemy.types import BigInteger

from core_collection_service.devices.models import Device
from core_collection_service.orm import Instant, written_limit
from core_collection_service.pictures.models import Picture
from core_collection_service.pictures.repository import RECORD, PictureRecord
from lightbox_shared.database import ReadSession

# Whoever adds or deletes pictures holds this lock until the end of the transaction.
_WRITING: Final = text("""
SELECT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
   AND relation = CAST('pictures' AS regclass)
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


class Span(NamedTuple):
    """A part of a list by time: pictures of a collection, or of one device there, from `start` on, before `end`, and
    after the position `before` (an instant, and an id) in the order of the list."""

    collection: str
    device_id: str | None
    start: datetime | None
    end: datetime | None
    before: tuple[datetime, int] | None


def newest_first(span: Span, limit: int) -> Select[tuple[Any, ...]]:
    """The first pictures of a span, by the time they were taken and by id, both descending."""
    collection, device_id, start, end, before = span
    where: list[ColumnElement[bool]] = [Picture.collection == collection]
    if device_id is not None:
        where.append(Picture.device_id == device_id)
    if start is not None:
        where.append(Picture.taken_at >= start)
    if end is not None:
        where.append(Picture.taken_at < end)
    if before is not None and device_id is not None:
        where.append(Picture.taken_at < before[0])  # a device has one picture of an instant
    elif before is not None:
        position = literal(before[0], Instant), literal(before[1], BigInteger)
        where.append(tuple_(Picture.taken_at, Picture.id) < tuple_(*position))
    order = [Picture.taken_at.desc()] if device_id is not None else [Picture.taken_at.desc(), Picture.id.desc()]
    return select(*RECORD).where(*where).order_by(*order).limit(written_limit(limit))


def newest_of_each(collection: str, device_id: str | None, after: str | None, limit: int) -> Select[tuple[Any, ...]]:
    """The newest picture of each device whose id is greater than `after`, or of one device, by device."""
    where: list[ColumnElement[bool]] = [Device.collection == collection]
    if device_id is not None:
        where.append(Device.device_id == device_id)
    if after is not None:
        where.append(Device.device_id > after)
    columns = Device.collection, Device.device_id
    page = select(*columns).where(*where).order_by(Device.device_id).limit(written_limit(limit)).subquery()
    # Looked up device by device, by the limits and the order: of a plain join PostgreSQL expects hardly a match, since
    # it takes the columns for independent of each other, and would read all pictures for it.
    at = Picture.collection == page.c.collection, Picture.device_id == page.c.device_id
    newest = select(*RECORD).where(*at).order_by(Picture.taken_at.desc()).limit(written_limit(1)).lateral()
    statement = select(*newest.c).select_from(page).join(newest, true())
    return statement if device_id is not None else statement.order_by(page.c.device_id)


def by_id(after: int, up_to: int | None, limit: int | None) -> Select[tuple[Any, ...]]:
    """Pictures of all collections with greater ids than `after`, by id."""
    statement = select(*RECORD).where(Picture.id > after).order_by(Picture.id)
    if up_to is not None:
        statement = statement.where(Picture.id <= up_to)
    return statement if limit is None else statement.limit(written_limit(limit))


def of_topic(statement: Select[tuple[Any, ...]], collection: str, device_id: str | None) -> Select[tuple[Any, ...]]:
    """Only those of a collection, or of one device there."""
    statement = statement.where(Picture.collection == collection)
    return statement if device_id is None else statement.where(Picture.device_id == device_id)


async def records(session: ReadSession, statement: Select[tuple[Any, ...]]) -> list[PictureRecord]:
    """The pictures of one of these statements."""
    return [PictureRecord(*row) for row in await session.execute(statement)]


async def greatest_id(session: ReadSession) -> int:
    """The id of the picture that was added last; 0 if there is none."""
    return await session.scalar(select(func.coalesce(func.max(Picture.id), 0))) or 0


async def writing(session: ReadSession) -> frozenset[str]:
    """The transactions that change pictures at this moment. An id that was given out before is that of one of these,
    or of a picture that can be read, or nobody's."""
    rows: Sequence[str] = (await session.scalars(_WRITING)).all()
    return frozenset(rows)
