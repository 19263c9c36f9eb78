"""The declarative base of this service's tables. Every time has a zone."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.database import new_metadata


class Base(DeclarativeBase):
    """The base of all tables of core-collection-service."""

    metadata = new_metadata()
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}
