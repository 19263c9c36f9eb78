"""The declarative base of this service's tables."""

from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.database.orm import TableDefaults
from lightbox_shared.requests.idempotency import idempotency_table
from lightbox_shared.storage.blobs import blob_table


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of annotation-service."""


BLOBS = blob_table(Base.metadata)
IDEMPOTENCY_KEYS = idempotency_table(Base.metadata)
