"""The table of label schemes."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Integer, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey

BUILT_IN_ID: Final = 1
"""The id of the ophthalmology scheme, which every image has unless it was made with another one."""


class Scheme(Base):
    """One version of a label scheme. A row is written once and never changed."""

    __tablename__ = "schemes"
    __table_args__ = (UniqueConstraint("name", "version", name="uq_schemes_name_version"),)

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(Text)
    schema: Mapped[dict[str, Any]] = mapped_column(JSON)
    """A JSON Schema (2020-12) of an object; its properties are the fields of a label. The type keeps their order, which
    `jsonb` does not."""
    created_by: Mapped[int | None] = mapped_column(BigInteger)
    """None for the scheme that is built in."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
