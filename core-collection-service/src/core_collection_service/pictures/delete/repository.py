"""The statements that delete pictures, and correct the summaries of their devices in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

from sqlalchemy import delete, func, select, update

from core_collection_service.devices.models import Device
from core_collection_service.orm import ANONYMOUS
from core_collection_service.pictures.models import Picture
from lightbox_shared.anonymous_storage import repository as anonymous_storage
from lightbox_shared.anonymous_storage.repository import Stored
from lightbox_shared.database import WriteSession

DELETED_CHANNEL: Final = "pictures_gone"
"""PostgreSQL notifies here when pictures were deleted, without saying which."""


class Removed(NamedTuple):
    """Deleted rows."""

    pictures: int
    """How many."""
    size: int
    """Bytes of the originals together."""
    object_keys: list[bytes]
    """What is left to delete in the object store when the transaction has been committed."""


async def remove(session: WriteSession, collection: str, device_id: str, picture_ids: Sequence[int]) -> Removed:
    """Delete pictures of one device, and update its summary.

    The device's row is locked first. A statement that adds a picture writes that row last, so that neither overlooks
    the other.
    """
    device = (Device.collection == collection, Device.device_id == device_id)
    of_device = (Picture.collection == collection, Picture.device_id == device_id)
    # Without a row there is nothing to delete, and nothing to lock: another transaction may have deleted the last
    # picture while this one waited for the lock. A picture that was added since then keeps its device's new row.
    if (await session.execute(select(Device.device_id).where(*device).with_for_update())).one_or_none() is None:
        return Removed(0, 0, [])
    deleted = await session.execute(
        delete(Picture)
        .where(*of_device, Picture.id.in_(picture_ids))
        .returning(Picture.size, Picture.stored_size, Picture.object_key, Picture.anonymous_bytes)
    )
    rows = deleted.all()
    count, size, stored = len(rows), sum(row.size for row in rows), sum(row.stored_size for row in rows)
    span = select(func.min(Picture.taken_at), func.max(Picture.taken_at)).where(*of_device)
    first, last = cast("tuple[datetime | None, datetime | None]", (await session.execute(span)).one())
    if first is None:
        await session.execute(delete(Device).where(*device))
    elif count:
        await session.execute(
            update(Device)
            .where(*device)
            .values(
                pictures=Device.pictures - count,
                bytes=Device.bytes - size,
                stored_bytes=Device.stored_bytes - stored,
                first_taken_at=first,
                last_taken_at=last,
            )
        )
    counted = [row.anonymous_bytes for row in rows if row.anonymous_bytes is not None]
    if counted:
        await anonymous_storage.subtract(session, ANONYMOUS, Stored(len(counted), sum(counted)))
    if count:
        await session.execute(select(func.pg_notify(DELETED_CHANNEL, "")))
    return Removed(count, size, [row.object_key for row in rows if row.object_key is not None])
