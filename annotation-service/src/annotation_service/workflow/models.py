"""The tables of images, jobs, labels, and the history of their states."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, SmallInteger, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from annotation_service.pictures.models import Picture
from annotation_service.schemes.models import Scheme
from lightbox_shared.database.orm import PrimaryKey


class Label(Base):
    """A label. It belongs to its author, and is not changed any more once a finished job carries it."""

    __tablename__ = "labels"
    __table_args__ = (Index("ix_labels_author_id", "author_id", "id"),)

    id: Mapped[PrimaryKey]
    author_id: Mapped[int] = mapped_column(BigInteger)
    scheme_id: Mapped[int] = mapped_column(ForeignKey(Scheme.id))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The values as they were sent, by the name of the field."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes, for the entity tag."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]
    """When the job that carries the label was finished."""


class Image(Base):
    """A picture that is to be labelled, and how far that has come."""

    __tablename__ = "images"
    __table_args__ = (
        Index("ix_images_state_id", "state", "id"),
        Index("ix_images_missing_readers", "id", postgresql_where=text("missing_readers > 0")),
        Index("ix_images_ground_truth_id", "ground_truth_id", postgresql_where=text("ground_truth_id IS NOT NULL")),
    )

    id: Mapped[PrimaryKey]
    picture_id: Mapped[int] = mapped_column(ForeignKey(Picture.id), index=True)
    scheme_id: Mapped[int] = mapped_column(ForeignKey(Scheme.id), server_default="1")
    state: Mapped[int] = mapped_column(SmallInteger, server_default="300")
    ground_truth_id: Mapped[int | None] = mapped_column(ForeignKey(Label.id))
    assignment_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    """The assignment that asked for readers last."""
    wanted_readers: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """The result is decided when so many doctors have finished, and no job is open."""
    missing_readers: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """Of `wanted_readers` those that no doctor is for yet."""
    eligible_doctors: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    """The doctors that may read it; None for all."""
    shows_suggestions: Mapped[bool] = mapped_column(server_default="false")
    """Whether a doctor sees what models suggest before the own label is finished."""
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes, for the entity tag."""
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Job(Base):
    """An image that one doctor is to label."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("image_id", "account_id", name="uq_jobs_image_account"),
        Index("ix_jobs_account_order", "account_id", "order_key", "id"),
        Index("ix_jobs_open", "account_id", "order_key", postgresql_where=text("state < 202")),
        Index("ix_jobs_finished_at", "finished_at", "id", postgresql_where=text("state = 202")),
        Index("ix_jobs_leased_until", "leased_until", postgresql_where=text("leased_until IS NOT NULL")),
    )

    id: Mapped[PrimaryKey]
    image_id: Mapped[int] = mapped_column(ForeignKey(Image.id))
    account_id: Mapped[int] = mapped_column(BigInteger)
    label_id: Mapped[int | None] = mapped_column(ForeignKey(Label.id, ondelete="SET NULL"), unique=True)
    state: Mapped[int] = mapped_column(SmallInteger, server_default="200")
    kind: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    """A `JobKind`."""
    order_key: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The place in the order in which this doctor reads."""
    due_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    """When the job goes back to the queue; None for a job that stays."""
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    draft_saved_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Counts the changes, for the entity tag."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    """When the doctor began to label; of a finished job that much later as the doctor was away in between, as far as
    that is known, so that the time to `finished_at` is that of the work. The history has when it was begun."""
    finished_at: Mapped[datetime | None]


class PastJob(Base):
    """What a doctor leaves behind of an image whose job went to others: the draft, with which a later job of the doctor
    for the image begins. The row is deleted when that job is made, and with the image."""

    __tablename__ = "past_jobs"

    image_id: Mapped[int] = mapped_column(ForeignKey(Image.id, ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    draft: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    draft_saved_at: Mapped[datetime | None]
    lease_ended: Mapped[bool]
    """Whether the doctor had taken the image from the queue and let the time pass."""


class Transition(Base):
    """A change of the state of an image or a job: who, when, from, to, and why. Rows stay when their image is
    deleted."""

    __tablename__ = "transitions"
    __table_args__ = (Index("ix_transitions_image_id", "image_id", "id"),)

    id: Mapped[PrimaryKey]
    image_id: Mapped[int] = mapped_column(BigInteger)
    job_id: Mapped[int | None] = mapped_column(BigInteger)
    """None if the state of the image itself changed."""
    account_id: Mapped[int | None] = mapped_column(BigInteger)
    """Whose request it was; None for the service itself."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    from_state: Mapped[int | None] = mapped_column(SmallInteger)
    """None for what was made."""
    to_state: Mapped[int | None] = mapped_column(SmallInteger)
    """None for what was deleted."""
    reason: Mapped[str] = mapped_column(Text)


class ImageTotal(Base):
    """Changes of the number of images in a state; their sum is the number. Triggers add rows, so that transactions do
    not wait for each other, and a task sums them up from time to time."""

    __tablename__ = "image_totals"

    id: Mapped[PrimaryKey]
    state: Mapped[int] = mapped_column(SmallInteger)
    change: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class JobTotal(Base):
    """The same for jobs, by doctor and state."""

    __tablename__ = "job_totals"
    __table_args__ = (Index("ix_job_totals_account_id", "account_id", "state"),)

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    change: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
