"""The table of groups."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.orm import Base


class Group(Base):
    """Pictures that belong together, such as views of one thing."""

    __tablename__ = "groups"
    __table_args__ = (
        Index("ix_groups_position", "position", "id", postgresql_where=text("picture_count > 0")),
        Index("ix_groups_any_position", "position", "id"),
        Index("ix_groups_parent_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Counts from 1, and is never used again (`gallery_revisions.next_group`)."""
    position: Mapped[float] = mapped_column(Double)
    """Its place among all groups; by default the id."""
    title: Mapped[str | None] = mapped_column(Text)
    caption: Mapped[str | None] = mapped_column(Text)
    cover_id: Mapped[int | None] = mapped_column(BigInteger)
    """The id of the picture that stands for the group; by default its first one."""
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("groups.id", ondelete="SET NULL"))
    next_image_id: Mapped[int] = mapped_column(Integer, server_default="1")
    """The number of the next picture. Numbers are never used again."""
    picture_count: Mapped[int] = mapped_column(Integer, server_default="0")
    """A group without pictures is not shown to visitors."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes of what administrators have written, for the entity tag."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
