"""The tables of pictures, and of the two sizes that ImageHub's client shows."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.gallery.groups.models import Group
from imagehub_service.orm import BLOBS, Base
from lightbox_shared.database.orm import PrimaryKey


class Picture(Base):
    """A picture of the gallery. Its pixels never change."""

    __tablename__ = "pictures"
    __table_args__ = (
        UniqueConstraint("group_id", "image_id", name="uq_pictures_group_image"),
        Index("ix_pictures_group_position", "group_id", "position", "id"),
        Index("ix_pictures_sha256", "sha256"),
        Index("ix_pictures_folded_tags", "folded_tags", postgresql_using="gin"),
        Index("ix_pictures_trigrams", "trigrams", postgresql_using="gin"),
        Index("ix_pictures_created_at", "created_at"),
        Index("ix_pictures_preview_sha256", "preview_sha256", postgresql_where=text("preview_sha256 IS NOT NULL")),
    )

    id: Mapped[PrimaryKey]
    """Its number in addresses such as `/image/file/{id}`, unique in the whole gallery."""
    group_id: Mapped[int] = mapped_column(ForeignKey(Group.id))
    image_id: Mapped[int] = mapped_column(Integer)
    """Its number in its group, as ImageHub's clients know it."""
    position: Mapped[float] = mapped_column(Double)
    """Its place in the group; by default `image_id`."""
    name: Mapped[str] = mapped_column(Text)
    """The name of the file."""
    folder_name: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(Text)
    caption: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    sha256: Mapped[bytes] = mapped_column(ForeignKey(BLOBS.c.sha256))
    """The blob with the file as it came."""
    preview_sha256: Mapped[bytes | None] = mapped_column(ForeignKey(BLOBS.c.sha256))
    """The blob with the whole picture as browsers show it; None if they show the file itself, upright."""
    media_type: Mapped[str] = mapped_column(Text)
    """Of the file."""
    width: Mapped[int] = mapped_column(Integer)
    """Pixels of the upright picture."""
    height: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the file."""
    thumbhash: Mapped[bytes] = mapped_column(LargeBinary)
    """A blurred picture of about 25 bytes, which pages show while the picture is loaded."""
    difference_hash: Mapped[int] = mapped_column(BigInteger)
    """64 bits, of which similar pictures have most in common."""
    drive: Mapped[str] = mapped_column(Text)
    """`built-in` or `onedrive`."""
    drive_item_id: Mapped[str] = mapped_column(Text)
    added_by: Mapped[int] = mapped_column(BigInteger)
    """The administrator's account."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())

    # What searches look through, computed by functions of migration 0006. It is not selected with the rest.
    searched: Mapped[str] = mapped_column(
        Text, Computed("gallery_searched(name, title, caption)", persisted=True), deferred=True
    )
    """Name, title and caption in lower case."""
    trigrams: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        Computed("gallery_trigrams(gallery_searched(name, title, caption))", persisted=True),
        deferred=True,
    )
    """All parts of it with three characters."""
    folded_tags: Mapped[list[str]] = mapped_column(
        ARRAY(Text), Computed("gallery_folded_tags(tags)", persisted=True), deferred=True
    )
    """The tags in lower case."""


class Size(StrEnum):
    """The two sizes that ImageHub's client shows, in pixels whatever the shape of the picture is."""

    LOW = "low"
    """180 x 115."""
    HIGH = "high"
    """700 x 525."""


class SmallPicture(Base):
    """A picture in one of the two sizes, in its own format if browsers show that."""

    __tablename__ = "small_pictures"

    picture_id: Mapped[int] = mapped_column(ForeignKey(Picture.id, ondelete="CASCADE"), primary_key=True)
    size: Mapped[str] = mapped_column(Text, primary_key=True)
    """One of `Size`."""
    media_type: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes] = mapped_column(LargeBinary)
