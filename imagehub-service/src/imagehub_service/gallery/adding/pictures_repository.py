"""The statements that put a picture into the gallery."""

from typing import Any, NamedTuple

from sqlalchemy import insert

from imagehub_service.gallery.adding.preparation import ReadyPicture
from imagehub_service.gallery.pictures.models import Picture, Size, SmallPicture
from lightbox_shared.database import WriteSession


class Origin(NamedTuple):
    """Where a picture came from."""

    name: str
    """The name of the file."""
    folder_name: str
    drive: str
    """`built-in` or `onedrive`."""
    item_id: str
    account_id: int
    """The administrator."""


async def add(session: WriteSession, group_id: int, image_id: int, origin: Origin, ready: ReadyPicture) -> int:
    """Insert a picture with its two small sizes, and return its id. Its blobs must be stored in the same transaction,
    and its group must have counted it."""
    prepared = ready.prepared
    values: dict[str, Any] = {
        "group_id": group_id,
        "image_id": image_id,
        "position": float(image_id),
        "name": origin.name,
        "folder_name": origin.folder_name,
        "sha256": prepared.sha256,
        "preview_sha256": ready.preview_sha256,
        "media_type": prepared.media_type.value,
        "width": prepared.width,
        "height": prepared.height,
        "size": len(ready.data),
        "thumbhash": prepared.thumbhash,
        "difference_hash": prepared.difference_hash,
        "drive": origin.drive,
        "drive_item_id": origin.item_id,
        "added_by": origin.account_id,
    }
    picture_id = (await session.execute(insert(Picture).values(values).returning(Picture.id))).scalar_one()
    small = [
        {"picture_id": picture_id, "size": size_name, "media_type": each.media_type.value, "data": each.data}
        for size_name, each in ((Size.LOW, prepared.low), (Size.HIGH, prepared.high))
    ]
    await session.execute(insert(SmallPicture).values(small))
    return picture_id
