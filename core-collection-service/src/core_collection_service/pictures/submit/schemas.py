"""The document that a device sends, in JSON or CBOR: what is read by these models is what the OpenAPI document has."""

from base64 import b64decode
from datetime import datetime
from typing import Annotated, Any, Final

import cbor2
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from core_collection_service.device_ids import LONGEST_DEVICE_ID, validate_device_id
from core_collection_service.errors import REQUIRED, InvalidField
from core_collection_service.pictures.errors import PictureTooLarge
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.protocol.base64_text import decode_base64
from core_collection_service.protocol.documents import Epoch, Format, MalformedDocument, read_map
from core_collection_service.protocol.timestamps import NOT_A_TIMESTAMP, from_epoch, parse_timestamp
from lightbox_shared.errors import BadRequest

_TOO_LARGE: Final = "picture_too_large"
_EXAMPLE_PICTURE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
"""A PNG of one grey pixel."""
_EXAMPLE: Final[JsonDict] = {
    "deviceId": "12345",
    "timestamp": "2024-08-18T02:04:07Z",
    "imageData": _EXAMPLE_PICTURE,
}
_DEVICE_ID_SCHEMA: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_DEVICE_ID,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    "description": "The id of the device, without control characters. Ids are compared character by character.",
}
_TIMESTAMP_SCHEMA: Final = {
    "type": "string",
    "format": "date-time",
    "description": "When the picture was taken: an ISO 8601 date and time, without a zone in UTC.",
}
_IMAGE_DATA_SCHEMA: Final = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "The file in base64 (RFC 4648), standard or url-safe: JPEG, PNG, WebP, TIFF, BMP or DICOM.",
}


def _present(value: object) -> object:
    if value is None:
        raise ValueError(REQUIRED)
    return value


def _timestamp(value: object) -> datetime:
    try:
        if isinstance(value, Epoch):
            return from_epoch(value)
        if isinstance(value, str):
            return parse_timestamp(value)
    except ValueError as error:
        raise ValueError(f"{NOT_A_TIMESTAMP}: {error}.") from error
    raise ValueError("Not a text (in CBOR also: nor a date-time by tag 0 or 1).")


def _image_data(value: object, info: ValidationInfo) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("Neither base64 in a text nor, in CBOR, a byte string.")  # noqa: TRY004 - see `device_ids`
    limit = info.context.exceeded_by_base64(value) if isinstance(info.context, PictureLimits) else None
    if limit is not None:
        raise PydanticCustomError(_TOO_LARGE, "The picture is too large.", {"limit": limit})  # before it is decoded
    try:
        return decode_base64(value)
    except ValueError as error:
        raise ValueError("Not base64 (RFC 4648).") from error


_Present: Final = BeforeValidator(_present)


class PictureSubmission(BaseModel):
    """A picture, which device has taken it, and when. Other members are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    device_id: Annotated[
        str,
        PlainValidator(validate_device_id),
        _Present,
        Field(alias="deviceId"),
        WithJsonSchema(_DEVICE_ID_SCHEMA),
    ]
    timestamp: Annotated[datetime, PlainValidator(_timestamp), _Present, WithJsonSchema(_TIMESTAMP_SCHEMA)]
    image_data: Annotated[
        bytes, PlainValidator(_image_data), _Present, Field(alias="imageData"), WithJsonSchema(_IMAGE_DATA_SCHEMA)
    ]


def read_submission(document: bytes, form: Format, limits: PictureLimits) -> PictureSubmission:
    """The members of a document. Takes about 0.1 ms for 50 kB, in proportion to the size. Raises `BadRequest`,
    `InvalidField` for the first member that is not valid, and `PictureTooLarge`."""
    if form is Format.JSON and not limits.fits_json(document):
        raise PictureTooLarge(limits.max_bytes)
    try:
        members = read_map(document, form)
    except MalformedDocument as error:
        raise BadRequest(str(error)) from error
    try:
        return PictureSubmission.model_validate(members, context=limits)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == _TOO_LARGE:
            raise PictureTooLarge(first["ctx"]["limit"]) from None
        sentence = REQUIRED if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise InvalidField(str(first["loc"][0]), sentence) from None


def submission_body() -> dict[str, Any]:
    """The Request Body Object (OpenAPI 3.1 section 4.8.13) of a submission."""
    with_byte_string: dict[str, object] = {**_EXAMPLE, "imageData": b64decode(_EXAMPLE_PICTURE)}
    in_json = {"schema": PictureSubmission.model_json_schema()}
    in_cbor = {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": "A CBOR map with the same members, which may be written in hexadecimal digits. `imageData` "
            "may also be a byte string (with the tags 64 or 21 to 23, or none), and `timestamp` have tag 0, or be "
            "seconds since 1970 with tag 1.",
        },
        "example": cbor2.dumps(with_byte_string).hex(),
    }
    return {"required": True, "content": {Format.JSON.value: in_json, Format.CBOR.value: in_cbor}}
