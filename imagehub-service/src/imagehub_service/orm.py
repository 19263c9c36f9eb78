"""The declarative base of this service's tables."""

from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.database.orm import TableDefaults
from lightbox_shared.storage.blobs import blob_table


class Base(TableDefaults, DeclarativeBase):
    """The base of all tables of imagehub-service."""


BLOBS = blob_table(Base.metadata)
"""The bytes of files and pictures: a file of the built-in drive and the picture that was made of it share them."""
