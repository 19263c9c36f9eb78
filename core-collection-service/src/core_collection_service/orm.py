"""The declarative base of this service's tables. Every time has a zone, and every instant that Python knows is one."""

from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, DateTime, Integer, bindparam, func, text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from lightbox_shared.database.orm import TableDefaults

FIRST_INSTANT: Final = "timestamptz '0001-01-01 00:00:00+00'"
LAST_INSTANT: Final = "timestamptz '9999-12-31 23:59:59.999999+00'"


class Instant(TypeDecorator[datetime]):
    """A time as devices send it. The driver writes the first and the last instant that Python knows as PostgreSQL's
    infinities and reads these back without a zone; in a table they are what they are."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[datetime]) -> ColumnElement[datetime]:
        """Between the two, ends included."""
        return func.least(func.greatest(bindparam, text(FIRST_INSTANT)), text(LAST_INSTANT))


def written_limit(limit: int) -> ColumnElement[int]:
    """A limit that is written into its statement: PostgreSQL plans a statement that it sees often without looking at
    its parameters, and would expect a tenth of the table."""
    return bindparam(None, limit, Integer, literal_execute=True)


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of core-collection-service."""
