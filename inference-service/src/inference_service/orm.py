"""What table classes are made of. `tables.py` is where they all come together."""

from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.blobs import blob_table
from lightbox_shared.database import new_metadata


class Base(DeclarativeBase):
    """The base of every table class of this service."""

    metadata = new_metadata()


BLOBS = blob_table(Base.metadata)
