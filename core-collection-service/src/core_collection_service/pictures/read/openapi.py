"""How the OpenAPI document describes answers with pictures and lists."""

from typing import Any, Final

from core_collection_service.errors import NoSuchCollection
from core_collection_service.pictures.errors import NoSuchPicture, NoThumbnail
from core_collection_service.pictures.lists.schemas import PicturePage
from core_collection_service.protocol.media_types import LINK_FORMAT, SENML_CBOR, SENML_JSON
from core_collection_service.protocol.responses import described_document
from lightbox_shared.errors import Forbidden, LightboxError, NotAuthenticated
from lightbox_shared.images import RADIOGRAPH_TYPES
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.responses.conditional import PreconditionFailed, RangeNotSatisfiable

_BINARY: Final = content(*(each.value for each in RADIOGRAPH_TYPES))
_TEXT: Final = {"type": "string"}
_SENML_RECORD: Final = {
    "type": "object",
    "properties": {
        "bn": _TEXT,
        "bt": {"type": "number"},
        "n": _TEXT,
        "u": _TEXT,
        "v": {"type": "number"},
        "vs": _TEXT,
        "vd": {**_TEXT, "contentEncoding": "base64url"},
    },
    "required": ["n"],
}
_LISTS: Final = (
    described_document(PicturePage),
    content(SENML_CBOR),
    content(SENML_JSON, schema={"type": "array", "items": _SENML_RECORD, "description": "A pack (RFC 8428)."}),
    content(
        LINK_FORMAT,
        schema={**_TEXT, "examples": ['</collections/images/17>;ct=23;sz=20480;title="12345 2024-08-18T02:04:07Z"']},
    ),
)


_VALIDATORS: Final = {
    "ETag": "For `If-None-Match`; of the original it is the SHA-256 in hexadecimal digits.",
    "Last_Modified": "When the picture was received.",
}
ORIGINAL: Final[dict[str, Any]] = {"description": "The picture as it was sent.", **_BINARY}
PICTURE: Final[dict[str, Any]] = {
    "description": "The picture as it was sent, or a thumbnail of it.",
    **headers(**_VALIDATORS),
    **_BINARY,
}
PICTURE_OR_LIST: Final[dict[str, Any]] = {
    "description": "The picture as it was sent or a thumbnail of it, or a page of a list.",
    **headers(**_VALIDATORS, Link='`rel="next"` is the next page of a list.'),
    "model": PicturePage,
    "content": {name: each for found in (_BINARY, *_LISTS) for name, each in found["content"].items()},
}


def answers(success: dict[str, Any], *more_errors: type[LightboxError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that reads pictures."""
    part = _BINARY | headers(Content_Range="Which bytes these are, and how many there are.")
    return {
        200: success,
        206: {"description": "The part of the picture that `Range` names.", **part},
        304: {"description": "The client has the picture already."},
        **errors(
            NotAuthenticated,
            Forbidden,
            NoSuchPicture,
            NoSuchCollection,
            PreconditionFailed,
            RangeNotSatisfiable,
            NoThumbnail,
            *more_errors,
        ),
    }
