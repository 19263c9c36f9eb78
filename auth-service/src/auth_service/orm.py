"""The declarative base of this service's tables, and the one column type that SQLAlchemy does not have."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType

from lightbox_shared.database import new_metadata


class Base(DeclarativeBase):
    """The base of all tables of auth-service. Every time has a zone."""

    metadata = new_metadata()
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTime(timezone=True)}


class XID8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in DDL."""
        return "xid8"


ischema_names["xid8"] = XID8  # so that Alembic recognises the column in the database
