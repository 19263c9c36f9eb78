"""The table of pictures, and what is read from it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from core_collection_service.orm import Base, Instant
from lightbox_shared.database.orm import PrimaryKey


class Picture(Base):
    """One picture as a device sent it. A row is written once and never changed. Its bytes are in the row (in TOAST, so
    that lists do not read them) or in the object store."""

    __tablename__ = "pictures"

    id: Mapped[PrimaryKey]
    collection: Mapped[str] = mapped_column(Text(collation="C"))
    device_id: Mapped[str] = mapped_column(Text(collation="C"))
    taken_at: Mapped[datetime] = mapped_column(Instant)
    """When the picture was taken, by the device's clock: `timestamp` on the wire."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    media_type: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the original, as the device sent it."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the original."""
    encoding: Mapped[str | None] = mapped_column(Text)
    """`zstd` where that saves space; NULL where the original itself is stored."""
    stored_size: Mapped[int] = mapped_column(BigInteger)
    """Bytes as they are stored."""
    data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    object_key: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The key in the object store. Exactly one of `data` and `object_key` is not NULL."""
    anonymous_bytes: Mapped[int | None] = mapped_column(BigInteger, deferred=True)
    """What is counted for it among all that strangers have sent; NULL for what was sent with the credential of a
    device, or of an approved account."""

    __table_args__ = (
        # Finds one picture, lists those of a device, and refuses a second one of the same instant.
        UniqueConstraint("collection", "device_id", "taken_at", name="uq_pictures_device_time"),
        Index("ix_pictures_collection_taken_at", "collection", "taken_at", "id"),
        # For retention by age.
        Index("ix_pictures_device_received_at", "collection", "device_id", "received_at"),
        Index(
            "ix_pictures_anonymous_received_at",
            "collection",
            "device_id",
            "received_at",
            postgresql_where=text("anonymous_bytes IS NOT NULL"),
        ),
    )


class PictureKey(NamedTuple):
    """What identifies a picture for its device."""

    collection: str
    device_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A row without the bytes."""

    id: int
    collection: str
    device_id: str
    taken_at: datetime
    received_at: datetime
    media_type: str
    width: int
    height: int
    size: int
    """Bytes of the original, as the device sent it."""
    sha256: bytes
    """Of the original."""
    encoding: str | None
    stored_size: int
    """Bytes as they are stored."""

    @property
    def key(self) -> PictureKey:
        """What identifies it for its device."""
        return PictureKey(self.collection, self.device_id, self.taken_at)


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A row that is to be added; the database gives it its id and the time of its reception."""

    collection: str
    device_id: str
    taken_at: datetime
    media_type: str
    width: int
    height: int
    size: int
    sha256: bytes
    encoding: str | None
    stored_size: int
    data: bytes | None
    object_key: bytes | None
    anonymous_bytes: int | None = None
    """What is counted for it, if a stranger has sent it."""
    reservation_id: int | None = None
    """The room for it, which is settled when it is added."""

    @property
    def key(self) -> PictureKey:
        """What identifies it for its device."""
        return PictureKey(self.collection, self.device_id, self.taken_at)
