"""The declarative base of this service's tables."""

from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.anonymous_storage.tables import AnonymousTables
from lightbox_shared.database.orm import TableDefaults
from lightbox_shared.storage.blobs import blob_table


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of inference-service."""


BLOBS = blob_table(Base.metadata)
ANONYMOUS = AnonymousTables.of(Base.metadata)
