"""The columns that refer to blobs: a blob to which none of them refers is deleted.

The picture of a rendition is none of them, since renditions go with their pictures.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement

from inference_service.predictions.models import Prediction
from inference_service.renditions.models import Rendition
from inference_service.xrays.models import XRay

BLOB_REFERENCES: Final[tuple[ColumnElement[Any], ...]] = (
    XRay.__table__.c.picture_sha256,
    Prediction.__table__.c.picture_sha256,
    Rendition.__table__.c.rendition_sha256,
)
