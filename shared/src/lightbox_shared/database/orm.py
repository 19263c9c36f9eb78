"""The common base of the table classes of all services.

Each service has its own declarative base, and with it its own metadata, in `<package>/orm.py`:

    class Base(TableDefaults, DeclarativeBase):
        \"\"\"The base of all tables of auth-service.\"\"\"
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Identity, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Constraints have predictable names, so that migrations can refer to them.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

PrimaryKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
"""A 64-bit identity column as primary key: `id: Mapped[PrimaryKey]`."""


class TableDefaults:
    """A mixin for a declarative base: metadata with the naming convention, and datetimes with a time zone."""

    metadata: ClassVar[MetaData]
    type_annotation_map: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls, **options: object) -> None:
        if DeclarativeBase in cls.__bases__:  # only for the declarative base, not for each table class
            cls.metadata = MetaData(naming_convention=NAMING_CONVENTION)
            cls.type_annotation_map = {datetime: DateTime(timezone=True)}
        super().__init_subclass__(**options)
