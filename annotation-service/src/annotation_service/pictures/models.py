"""The tables of pictures and of what is made of them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import BLOBS, Base
from lightbox_shared.database.orm import PrimaryKey


class Picture(Base):
    """A picture as it was uploaded or fetched. A row is written once; its `source` alone can be changed."""

    __tablename__ = "pictures"
    __table_args__ = (
        Index("ix_pictures_preview_sha256", "preview_sha256", postgresql_where=text("preview_sha256 IS NOT NULL")),
    )

    id: Mapped[PrimaryKey]
    url: Mapped[str] = mapped_column(Text, unique=True)
    """The unguessable name in `/uploads/medical-images/{url}`."""
    filename: Mapped[str] = mapped_column(Text, index=True)
    source: Mapped[str] = mapped_column(Text)
    """Where the picture comes from, as a person reads it: the address that it was fetched from, or any text."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary, ForeignKey(BLOBS.c.sha256), index=True)
    """The digest of the bytes, which are the blob of this name."""
    preview_sha256: Mapped[bytes | None] = mapped_column(LargeBinary, ForeignKey(BLOBS.c.sha256))
    """The blob of a picture that browsers show, where they do not show the original."""
    media_type: Mapped[str] = mapped_column(Text)
    width: Mapped[int] = mapped_column(Integer)
    """In pixels, upright."""
    height: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of the original."""
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GreenChannel(Base):
    """The green channel of a picture, made when it was asked for first."""

    __tablename__ = "green_channels"
    __table_args__ = (
        Index(
            "ix_green_channels_channel_sha256", "channel_sha256", postgresql_where=text("channel_sha256 IS NOT NULL")
        ),
    )

    sha256: Mapped[bytes] = mapped_column(LargeBinary, ForeignKey(BLOBS.c.sha256, ondelete="CASCADE"), primary_key=True)
    """The digest of the picture. This is no reason to keep it."""
    channel_sha256: Mapped[bytes | None] = mapped_column(LargeBinary, ForeignKey(BLOBS.c.sha256))
    """The blob of its green channel; None for a picture that is grey itself."""
