"""The queries for lists: by time, and the newest picture of each device.

Every statement reads an index in its order and stops at its limit, so that it takes as long with millions of rows as
with thousands.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, literal, select, true, tuple_
from sqlalchemy.types import BigInteger

from core_collection_service.devices.models import Device
from core_collection_service.orm import Instant, written_limit
from core_collection_service.pictures.models import Picture
from core_collection_service.pictures.repository import RECORD_COLUMNS


class Span(NamedTuple):
    """A part of a list by time: the pictures of a collection, or of one device there, that were taken at `start` or
    later, before `end`, and come after the position `before` in the order of the list."""

    collection: str
    device_id: str | None
    start: datetime | None
    end: datetime | None
    before: tuple[datetime, int] | None
    """When the last picture of the page before was taken, and its id."""


def newest_first(span: Span, limit: int) -> Select[tuple[Any, ...]]:
    """The first pictures of a span, in descending order of the time they were taken, then of the id."""
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
    return select(*RECORD_COLUMNS).where(*where).order_by(*order).limit(written_limit(limit))


def newest_of_each(collection: str, device_id: str | None, after: str | None, limit: int) -> Select[tuple[Any, ...]]:
    """The newest picture of each device, or of one, in the order of the device ids; only of devices whose ids are
    greater than `after`."""
    where: list[ColumnElement[bool]] = [Device.collection == collection]
    if device_id is not None:
        where.append(Device.device_id == device_id)
    if after is not None:
        where.append(Device.device_id > after)
    columns = Device.collection, Device.device_id
    page = select(*columns).where(*where).order_by(Device.device_id).limit(written_limit(limit)).subquery()
    # The limits and the order make PostgreSQL look up device by device. Of a plain join it expects hardly a match,
    # since it takes the columns for independent of each other, and would read all pictures for it.
    of_device = Picture.collection == page.c.collection, Picture.device_id == page.c.device_id
    newest = select(*RECORD_COLUMNS).where(*of_device).order_by(Picture.taken_at.desc()).limit(written_limit(1))
    lateral = newest.lateral()
    statement = select(*lateral.c).select_from(page).join(lateral, true())
    return statement if device_id is not None else statement.order_by(page.c.device_id)
