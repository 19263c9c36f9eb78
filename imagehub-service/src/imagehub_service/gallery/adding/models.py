"""The tables of additions: what is to be added to the gallery, and how far that is."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.orm import Base
from lightbox_shared.concurrency.background_jobs import QUEUED, RUNNING, BackgroundJob


class AdditionState(StrEnum):
    """How far an addition is. The names are on the wire."""

    QUEUED = QUEUED
    RUNNING = RUNNING
    DONE = "done"
    """Each of its pictures was added, or could not be added."""
    FAILED = "failed"
    """It was given up. What was added until then stays."""
    CANCELLED = "cancelled"
    """An administrator has ended it. What was added until then stays."""


UNFINISHED: Final = (AdditionState.QUEUED, AdditionState.RUNNING)


class ItemState(StrEnum):
    """What has become of one picture."""

    PENDING = "pending"
    ADDED = "added"
    FAILED = "failed"


class Addition(BackgroundJob, Base):
    """Pictures that an administrator wants to have added, and the process that works on it."""

    __tablename__ = "additions"
    __table_args__ = (
        Index("ix_additions_unfinished", "id", postgresql_where=text("state IN ('queued', 'running')")),
        Index("ix_additions_finished_at", "finished_at"),
    )

    total: Mapped[int] = mapped_column(Integer)
    added: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    created_by: Mapped[int] = mapped_column(BigInteger)
    """The administrator's account, whose drive has the files."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    waits_until: Mapped[datetime | None]
    """When it may be taken up again, after a picture could not be prepared for want of memory."""


class AdditionFolder(Base):
    """A folder in the list of an addition: where its pictures go."""

    __tablename__ = "addition_folders"

    addition_id: Mapped[int] = mapped_column(ForeignKey(Addition.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its place in the list, from 0."""
    folder_id: Mapped[str] = mapped_column(Text)
    folder_name: Mapped[str] = mapped_column(Text)
    makes_group: Mapped[bool]
    """Whether its pictures make a new group. The column can't be null, so it is written; `group_id` is what is read."""
    group_id: Mapped[int | None] = mapped_column(BigInteger)
    """The group of its pictures; a new one is made with the first of them that can be added."""
    added: Mapped[int] = mapped_column(Integer, server_default="0")


class AdditionItem(Base):
    """A picture in the list of an addition."""

    __tablename__ = "addition_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["addition_id", "folder_number"],
            [AdditionFolder.addition_id, AdditionFolder.number],
            name="fk_addition_items_addition_id_addition_folders",
            ondelete="CASCADE",
        ),
        Index("ix_addition_items_pending", "addition_id", "number", postgresql_where=text("state = 'pending'")),
        Index("ix_addition_items_failed", "addition_id", "number", postgresql_where=text("state = 'failed'")),
    )

    addition_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Its place in the list, from 0."""
    folder_number: Mapped[int] = mapped_column(Integer)
    file_id: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=ItemState.PENDING)
    """An `ItemState`."""
    error: Mapped[str | None] = mapped_column(Text)
    """Why it could not be added."""
    error_code: Mapped[str | None] = mapped_column(Text)
    """The same for programs (`Sentence`); None for what failed before there were codes."""
    error_parameters: Mapped[dict[str, str | int | float] | None] = mapped_column(JSONB)
    postponed: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """How often the service had no memory for it, and the addition has waited."""
    picture_id: Mapped[int | None] = mapped_column(BigInteger)
    """The picture that was made of it, which may be deleted since."""
