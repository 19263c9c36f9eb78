"""Which picture a request is about: by device and time in the query, or by an id in the path."""

from typing import Annotated

from fastapi import Path
from pydantic import WithJsonSchema

from core_collection_service.errors import REQUIRED
from core_collection_service.parameters import DEVICE_ID, TIMESTAMP, HasQuery, parse_row_id
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.models import PictureKey

PictureId = Annotated[
    str,
    Path(description="The id of a picture, as its metadata has it."),
    WithJsonSchema({"type": "integer", "format": "int64", "minimum": 1}),
]
"""An id in a path. Endpoints take it as a text, since a text that is no id is 404 and not 400."""


def read_picture_key(request: HasQuery, collection: str, missing: str = REQUIRED) -> PictureKey:
    """The picture of `deviceId` and `timestamp`. Raises `InvalidField`, with the sentence `missing` where one of them
    is absent."""
    device_id = DEVICE_ID.read_required(request, missing)
    return PictureKey(collection, device_id, TIMESTAMP.read_required(request, missing))


def read_picture_id(text: str) -> int:
    """The id in a path. Raises `NoSuchPicture` for a text that no picture can have as its id."""
    picture_id = parse_row_id(text)
    if picture_id is None:
        raise NoSuchPicture
    return picture_id
