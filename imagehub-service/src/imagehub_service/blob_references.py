"""The columns that refer to blobs: a blob to which none of them refers is deleted."""

from typing import Any, Final

from sqlalchemy import ColumnElement

from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.gallery.pictures.models import Picture

BLOB_REFERENCES: Final[tuple[ColumnElement[Any], ...]] = (
    DriveItem.__table__.c.sha256,
    Picture.__table__.c.sha256,
    Picture.__table__.c.preview_sha256,
)
