"""The columns that refer to blobs: a blob to which none of them refers is deleted."""

from typing import Any, Final

from sqlalchemy import ColumnElement

from annotation_service.pictures.models import GreenChannel, Picture

BLOB_REFERENCES: Final[tuple[ColumnElement[Any], ...]] = (
    Picture.__table__.c.sha256,
    Picture.__table__.c.preview_sha256,
    GreenChannel.__table__.c.channel_sha256,
)
