"""What the table classes of every service have in common.

Each service has a declarative base of its own, and with it metadata of its own, in `<package>/orm.py`:

    class Base(TableDefaults, DeclarativeBase):
        \"\"\"The base of all tables of auth-service.\"\"\"
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Identity, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Names for constraints, so that migrations can name what they change.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

PrimaryKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
"""A key of 63 bits that the database counts up: `id: Mapped[PrimaryKey]`."""


class TableDefaults:
    """Beside `DeclarativeBase`: metadata with the naming convention, and times that have a zone."""

    metadata: ClassVar[MetaData]
    type_annotation_map: ClassVar[dict[Any, Any]]

    def __init_subclass__(cls, **options: object) -> None:
        if DeclarativeBase in cls.__bases__:  # the base itself, not a table
            cls.metadata = MetaData(naming_convention=NAMING_CONVENTION)
            cls.type_annotation_map = {datetime: DateTime(timezone=True)}
        super().__init_subclass__(**options)
