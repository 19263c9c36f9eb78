"""The queries for devices."""

from typing import NamedTuple

from sqlalchemy import select

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
