"""Pictures on the wire."""

from typing import Annotated, Self
from urllib.parse import quote

from pydantic import BaseModel, Field

from core_collection_service.pictures.models import PictureRecord
from core_collection_service.protocol.timestamps import format_timestamp


def path_by_id(record: PictureRecord) -> str:
    """The path of a picture by its id, which is the shortest one."""
    return f"/collections/{record.collection}/{record.id}"


def path_by_key(record: PictureRecord) -> str:
    """The path and query of a picture by its device and timestamp, as the device would write them."""
    timestamp = quote(format_timestamp(record.taken_at), safe="")
    return f"/collections/{record.collection}?deviceId={quote(record.device_id, safe='')}&timestamp={timestamp}"


class PictureBody(BaseModel):
    """The metadata of a picture. Times are ISO 8601 in UTC, to the microsecond."""

    id: int
    deviceId: str  # noqa: N815 - the names of the wire
    timestamp: Annotated[str, Field(description="When it was taken, by the device's clock.")]
    mediaType: Annotated[str, Field(description="What the bytes are.", examples=["image/png"])]  # noqa: N815
    width: int
    height: int
    size: Annotated[int, Field(description="Bytes as the device sent them.")]
    sha256: Annotated[str, Field(description="Of the bytes as the device sent them, in hexadecimal digits.")]
    encoding: Annotated[str | None, Field(description="`zstd` where it is stored compressed.")]
    storedSize: Annotated[int, Field(description="Bytes as they are stored.")]  # noqa: N815
    receivedAt: str  # noqa: N815
    collection: str
    href: Annotated[str, Field(description="The path of the picture itself.")]

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
            href=path_by_id(record),
        )
