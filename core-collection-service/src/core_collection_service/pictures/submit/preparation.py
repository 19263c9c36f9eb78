"""What is done with a picture before it is written: its header is read, it is hashed and, where that saves space,
compressed. Pictures are not decoded: one that was cut short behind its header is kept as it was sent."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from core_collection_service.errors import InvalidField
from core_collection_service.pictures.errors import PictureTooLarge
from core_collection_service.pictures.storage.encodings import Encoded, encode
from core_collection_service.pictures.storage.service import QUICK_BYTES
from core_collection_service.pictures.submit.limits import PictureLimits
from lightbox_shared.images import PictureError, PictureInfo, inspect


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture that is ready to be written."""

    device_id: str
    taken_at: datetime
    size: int
    """Bytes as they were sent."""
    sha256: bytes
    """Of these bytes."""
    header: PictureInfo
    stored: Encoded


def is_quick(data: bytes) -> bool:
    """Whether preparing a picture takes less time than to hand it to a thread and back, even if it was made to take
    long: it is small, and of a format whose header is cheap to read."""
    return len(data) <= QUICK_BYTES and data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def prepare_picture(device_id: str, taken_at: datetime, data: bytes, limits: PictureLimits) -> PreparedPicture:
    """A picture that is ready to be written. Takes about 0.1 ms if `is_quick`. Raises `InvalidField` for what is not a
    picture, and `PictureTooLarge`."""
    if not data:
        raise InvalidField("imageData", "The picture is empty.")
    limit = limits.sizes.limit_of(data)
    if len(data) > limit:
        raise PictureTooLarge(limit)
    try:
        header = inspect(data, max_pixels=limits.max_pixels)
    except PictureError as error:
        raise InvalidField("imageData", f"Not a picture that is read here. {error}") from error
    return PreparedPicture(device_id, taken_at, len(data), hashlib.sha256(data).digest(), header, encode(data))
