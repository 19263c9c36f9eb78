"""The declarative base of this service's tables, and the type of their timestamps."""

from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, DateTime, Integer, bindparam, func, text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from lightbox_shared.anonymous_storage.tables import AnonymousTables
from lightbox_shared.database.orm import TableDefaults

FIRST_INSTANT: Final = "timestamptz '0001-01-01 00:00:00+00'"
LAST_INSTANT: Final = "timestamptz '9999-12-31 23:59:59.999999+00'"


class Instant(TypeDecorator[datetime]):
    """A timestamp as devices send it, which can be the first or the last instant that Python knows. The driver writes
    those two as PostgreSQL's infinities, and reads infinities without a zone, so the statement clamps them back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[datetime]) -> ColumnElement[datetime]:
        """The parameter, clamped to the two instants."""
        return func.least(func.greatest(bindparam, text(FIRST_INSTANT)), text(LAST_INSTANT))


def written_limit(limit: int) -> ColumnElement[int]:
    """A LIMIT that is a literal in the statement. With a parameter PostgreSQL would expect a tenth of the table, in the
    plan that it makes without looking at parameters for statements that run often."""
    return bindparam(None, limit, Integer, literal_execute=True)


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of core-collection-service."""


ANONYMOUS = AnonymousTables.of(Base.metadata)
