"""The table of assignments, and what is read of it together with the workflow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, SmallInteger, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from annotation_service.pictures.models import Picture
from annotation_service.workflow.models import Image, Job
from lightbox_shared.database.orm import PrimaryKey


class Assignment(Base):
    """A request for readers of many images. A row is written once."""

    __tablename__ = "assignments"

    id: Mapped[PrimaryKey]
    mode: Mapped[str] = mapped_column(Text)
    """`assigned`: the jobs were made at once; `queue`: doctors take the images."""
    readers: Mapped[int] = mapped_column(SmallInteger)
    doctors: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    """The accounts that may read; None for all doctors."""
    due_at: Mapped[datetime | None]
    shows_suggestions: Mapped[bool]
    order_seed: Mapped[int] = mapped_column(BigInteger)
    """From which every doctor's own order of the images is made."""
    images: Mapped[int] = mapped_column(Integer)
    """How many images it was about."""
    jobs: Mapped[int] = mapped_column(Integer)
    """How many jobs were made at once."""
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an assignment has come."""

    images_by_state: dict[str, int]
    missing_readers: int
    doctors: list[dict[Any, Any]]


@dataclass(frozen=True, slots=True)
class Next:
    """A job, and what its form needs."""

    job: Job
    image: Image
    picture: Picture
    scheme: str
    open_jobs: int


@dataclass(frozen=True, slots=True)
class Upcoming:
    """An image that an account is likely to read next."""

    image: Image
    picture: Picture
    scheme: str
