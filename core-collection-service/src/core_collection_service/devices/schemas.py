"""Devices on the wire."""

from typing import Self

from pydantic import BaseModel

from core_collection_service.devices.models import Device
from core_collection_service.protocol.timestamps import format_timestamp


class DeviceBody(BaseModel):
    """What a device has in a collection. Instants are ISO 8601 in UTC, to the microsecond."""

    deviceId: str  # noqa: N815 - the wire's names
    collection: str
    pictures: int
    bytes: int
    """As the device sent them."""
    storedBytes: int  # noqa: N815
    firstTimestamp: str  # noqa: N815
    """When the oldest of its pictures was taken, by the device's clock."""
    lastTimestamp: str  # noqa: N815
    firstSeen: str  # noqa: N815
    """When its first picture was received, be it still there or not, by ours."""
    lastSeen: str  # noqa: N815

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
