"""The table of the files and folders of the built-in drive."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.orm import BLOBS, Base


class DriveItem(Base):
    """A folder below the root, or a file in a folder."""

    __tablename__ = "drive_items"
    __table_args__ = (
        CheckConstraint("(parent_id IS NULL) = (sha256 IS NULL)", name="two_levels"),
        Index(
            "uq_drive_items_parent_name_key", "parent_id", "name_key", unique=True, postgresql_nulls_not_distinct=True
        ),
        Index("ix_drive_items_sha256", "sha256", postgresql_where=text("sha256 IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    """34 letters and digits that can't be guessed, like the ids of OneDrive."""
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("drive_items.id", ondelete="CASCADE"))
    """The folder of a file; None for a folder."""
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text)
    """`names.key_of(name)`, the same for names that differ only in case."""
    sha256: Mapped[bytes | None] = mapped_column(ForeignKey(BLOBS.c.sha256))
    """The blob of a file; None for a folder."""
    size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes of a file; 0 for a folder."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
