"""The declarative base of this service's tables, and a column type that SQLAlchemy does not have."""

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType

from lightbox_shared.database.orm import TableDefaults


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of auth-service."""


class XID8(UserDefinedType[int]):
    """The 64-bit transaction id of PostgreSQL, which never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The name of the type in DDL."""
        return "xid8"


ischema_names["xid8"] = XID8  # so that Alembic recognises the column in the database
