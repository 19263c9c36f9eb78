"""Pictures on the wire."""

from typing import Self
from urllib.parse import quote

from pydantic import BaseModel

from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.protocol.timestamps import format_timestamp


def path_of(record: PictureRecord) -> str:
    """Where a picture is, by its id: the shortest address that it has."""
    return f"/collections/{record.collection}/{record.id}"


def address_of(record: PictureRecord) -> str:
    """Where a picture is, by device and timestamp, as its device would ask for it."""
    timestamp = quote(format_timestamp(record.taken_at), safe="")
    return f"/collections/{record.collection}?deviceId={quote(record.device_id, safe='')}&timestamp={timestamp}"


class PictureBody(BaseModel):
    """The metadata of a picture."""

    id: int
    deviceId: str  # noqa: N815 - the wire's names
    timestamp: str
    """ISO 8601 in UTC, to the microsecond."""
    mediaType: str  # noqa: N815
    width: int
    height: int
    size: int
    """Bytes, as the device sent them."""
    sha256: str
    """Of these, in hexadecimal digits."""
    encoding: str | None
    """`zstd` where it is stored compressed."""
    storedSize: int  # noqa: N815
    """Bytes, as they are stored."""
    receivedAt: str  # noqa: N815
    collection: str
    href: str
    """The picture itself."""

    @classmethod
    def of(cls, record: PictureRecord) -> Self:
        """From its row."""
        return cls(
            id=record.id,
            deviceId=record.device_id,
            timestamp=format_timestamp(record.taken_at),
            mediaType=record.media_type,
            width=record.width,
            height=record.height,
            size=record.size,
            sha256=record.sha256.hex(),
            encoding=record.encoding,
            storedSize=record.stored_size,
            receivedAt=format_timestamp(record.received_at),
            collection=record.collection,
            href=path_of(record),
        )
