"""The tables of this service's database."""

from sqlalchemy.orm import DeclarativeBase

from lightbox_shared.blobs import blob_table
from lightbox_shared.database import new_metadata

metadata = new_metadata()


class Base(DeclarativeBase):
    """The base of every table class of this service."""

    metadata = metadata


BLOBS = blob_table(metadata)

# Importing the features' models is what puts their tables into `metadata`.
from inference_service.predictions import models as _predictions  # noqa: E402, F401
from inference_service.xrays import models as _xrays  # noqa: E402, F401
