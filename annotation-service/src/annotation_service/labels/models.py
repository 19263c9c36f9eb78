"""The table of labels."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
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
