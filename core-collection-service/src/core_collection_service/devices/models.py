"""The table of devices: a summary of the pictures, kept in the transactions that change them."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from core_collection_service.orm import Base, Instant


class Device(Base):
    """A device in one collection, as long as it has pictures there."""

    __tablename__ = "devices"

    collection: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    device_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    pictures: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    """As the device sent them."""
    stored_bytes: Mapped[int] = mapped_column(BigInteger)
    first_taken_at: Mapped[datetime] = mapped_column(Instant)
    last_taken_at: Mapped[datetime] = mapped_column(Instant)
    first_seen_at: Mapped[datetime]
    """When its first picture was received, be it still there or not."""
    last_seen_at: Mapped[datetime]
