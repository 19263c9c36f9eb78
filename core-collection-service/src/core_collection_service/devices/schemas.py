"""Devices on the wire."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from core_collection_service.devices.models import Device
from core_collection_service.protocol.timestamps import format_timestamp
from lightbox_shared.responses.pagination import Page


class DeviceBody(BaseModel):
    """What a device has in a collection. Times are ISO 8601 in UTC, to the microsecond."""

    deviceId: str  # noqa: N815 - the names of the wire
    collection: str
    pictures: Annotated[int, Field(description="How many there are.")]
    bytes: Annotated[int, Field(description="Of these pictures, as the device sent them.")]
    storedBytes: Annotated[int, Field(description="Of these pictures, as they are stored.")]  # noqa: N815
    firstTimestamp: Annotated[  # noqa: N815
        str, Field(description="When the oldest of these pictures was taken, by the device's clock.")
    ]
    lastTimestamp: Annotated[  # noqa: N815
        str, Field(description="When the newest of these pictures was taken, by the device's clock.")
    ]
    firstSeen: Annotated[  # noqa: N815
        str, Field(description="When its first picture was received, even if that one has been deleted.")
    ]
    lastSeen: Annotated[str, Field(description="When its last picture was received.")]  # noqa: N815

    @classmethod
    def of(cls, device: Device) -> Self:
        """From its row."""
        return cls(
            deviceId=device.device_id,
            collection=device.collection,
            pictures=device.pictures,
            bytes=device.bytes,
            storedBytes=device.stored_bytes,
            firstTimestamp=format_timestamp(device.first_taken_at),
            lastTimestamp=format_timestamp(device.last_taken_at),
            firstSeen=format_timestamp(device.first_seen_at),
            lastSeen=format_timestamp(device.last_seen_at),
        )


class DevicePage(BaseModel):
    """Devices, and the cursor of the next page; null on the last page."""

    devices: list[DeviceBody]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Device]) -> Self:
        """From rows."""
        return cls(devices=[DeviceBody.of(row) for row in page.rows], next_cursor=page.next_cursor)
