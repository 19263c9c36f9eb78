"""Thumbnails, made as core-collection-service makes them of a stored picture."""

from datetime import UTC, datetime
from io import BytesIO

from PIL import Image

from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.encodings import Encoded
from core_collection_service.pictures.thumbnails.rendering import Box, render_thumbnail
from lightbox_shared.images import inspect

_AT = datetime(2026, 11, 28, tzinfo=UTC)


def thumbnail_of(data: bytes, box: tuple[int, int], *, max_pixels: int) -> Image.Image:
    """The thumbnail of a file, fitted into a width and a height. Its `format` is that of the thumbnail's file."""
    info = inspect(data, max_pixels=max_pixels)
    record = PictureRecord(
        1, "", "sensor", _AT, _AT, info.media_type.value, info.width, info.height, len(data), b"", None, len(data)
    )
    made = render_thumbnail(Encoded(data, None), record, Box(*box), max_pixels=max_pixels)
    image = Image.open(BytesIO(made.data))
    image.load()
    return image
