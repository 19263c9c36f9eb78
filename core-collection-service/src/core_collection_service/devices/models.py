"""The table of devices: summaries of their pictures, updated in the transactions that add or delete pictures."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from core_collection_service.orm import Base, Instant


class Device(Base):
    """A device in one collection; the row exists as long as the device has pictures there."""

    __tablename__ = "devices"

    collection: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    device_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    pictures: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    """Of its pictures, as they were sent."""
    stored_bytes: Mapped[int] = mapped_column(BigInteger)
    first_taken_at: Mapped[datetime] = mapped_column(Instant)
    last_taken_at: Mapped[datetime] = mapped_column(Instant)
    first_seen_at: Mapped[datetime]
    """When its first picture was received, even if that one has been deleted."""
    last_seen_at: Mapped[datetime]
