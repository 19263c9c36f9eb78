"""The table of pictures."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from core_collection_service.orm import Base, Instant
from lightbox_shared.database.orm import PrimaryKey


class Picture(Base):
    """One picture as a device sent it. A row is written once and never changed; the bytes are beside it in the row
    (in TOAST, so that lists do not read them), or in the object store."""

    __tablename__ = "pictures"

    id: Mapped[PrimaryKey]
    collection: Mapped[str] = mapped_column(Text(collation="C"))
    device_id: Mapped[str] = mapped_column(Text(collation="C"))
    taken_at: Mapped[datetime] = mapped_column(Instant)
    """`timestamp` on the wire: when the device says that it took the picture."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    media_type: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes as the device sent them."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the bytes as the device sent them."""
    encoding: Mapped[str | None] = mapped_column(Text)
    """`zstd` where that saves space; NULL for as sent."""
    stored_size: Mapped[int] = mapped_column(BigInteger)
    """Bytes as they are stored."""
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    object_key: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """Where the bytes are in the object store; exactly one of the two is there."""

    __table_args__ = (
        # Finds one picture, lists those of a device, and keeps a second one of the same instant out.
        UniqueConstraint("collection", "device_id", "taken_at", name="uq_pictures_device_time"),
        Index("ix_pictures_collection_taken_at", "collection", "taken_at", "id"),
        # For retention by age.
        Index("ix_pictures_device_received_at", "collection", "device_id", "received_at"),
    )
