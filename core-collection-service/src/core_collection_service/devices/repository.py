"""The queries for devices."""

from typing import NamedTuple

from sqlalchemy import func, select

from core_collection_service.devices.models import Device
from lightbox_shared.database import ReadSession


class Position(NamedTuple):
    """Where a page ends: its last device."""

    collection: str
    device_id: str


async def by_name(session: ReadSession, collection: str, after: str | None, limit: int) -> list[Device]:
    """The first devices of a collection whose ids are greater than `after`, in the order of their ids."""
    statement = select(Device).where(Device.collection == collection).order_by(Device.device_id).limit(limit)
    if after is not None:
        statement = statement.where(Device.device_id > after)
    return list((await session.scalars(statement)).all())


async def totals(session: ReadSession) -> tuple[int, int]:
    """The number of pictures of all devices, and the bytes that are stored of them."""
    sums = select(func.coalesce(func.sum(Device.pictures), 0), func.coalesce(func.sum(Device.stored_bytes), 0))
    pictures, size = (await session.execute(sums)).one()
    return int(pictures), int(size)
