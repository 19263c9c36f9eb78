"""What a device sends, read and checked: `deviceId`, `timestamp` and `imageData` in a JSON object or a CBOR map.

Look-alike letters make different devices: ids are compared bitwise and never normalised (RFC 6690 section 4.1 compares
so, too).
"""

import binascii
import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from core_collection_service.pictures.encodings import Encoded, encode
from core_collection_service.pictures.errors import InvalidField, PictureTooBig
from core_collection_service.protocol.documents import Epoch, Format, MalformedDocument, read_map
from core_collection_service.protocol.timestamps import from_epoch, from_query, parse_timestamp
from lightbox_shared.errors import BadRequest
from lightbox_shared.images import Inspected, PictureError, inspect

LONGEST_DEVICE_ID: Final = 255
QUICK_BYTES: Final = 128 * 1024
_REQUIRED: Final = "This field is required."
_NO_TIME: Final = "Not an ISO 8601 date and time, such as 2024-08-18T02:04:07Z"
_BLANKS: Final = " \t\r\n"
_OTHER_FIELDS: Final = 64 * 1024
_FROM_URL_SAFE: Final = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A picture that may be stored."""

    device_id: str
    taken_at: datetime
    size: int
    sha256: bytes
    header: Inspected
    stored: Encoded


class Sent(NamedTuple):
    """What a document says, before the picture was looked at."""

    device_id: str
    taken_at: datetime
    data: bytes


def read_document(body: bytes, form: Format, limits: Limits) -> Sent:
    """The three fields. Takes some 0.1 ms for 50 kB, and time by size. Raises `BadRequest` and `PictureTooBig`."""
    if form is Format.JSON:
        _check_size_of_json(body, limits)
    try:
        fields = read_map(body, form)
    except MalformedDocument as error:
        raise BadRequest(str(error)) from error
    device_id = check_device_id(_required(fields, "deviceId"))
    taken_at = _timestamp(_required(fields, "timestamp"))
    return Sent(device_id, taken_at, _picture(_required(fields, "imageData"), form, limits))


def is_quick(data: bytes) -> bool:
    """Whether looking at a picture takes less time than to hand it to a thread and back, whoever made it."""
    return len(data) <= QUICK_BYTES and data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


def submission_of(device_id: str, taken_at: datetime, data: bytes, limits: Limits) -> Submission:
    """A picture that may be stored. Takes some 0.1 ms if `is_quick`. Raises `BadRequest` and `PictureTooBig`."""
    if not data:
        raise InvalidField("imageData", "The picture is empty.")
    if len(data) > limits.max_bytes:
        raise PictureTooBig(limits.max_bytes)
    try:
        header = inspect(data, max_pixels=limits.max_pixels)
    except PictureError as error:
        raise InvalidField("imageData", f"Not a picture that is read here. {error}") from error
    return Submission(device_id, taken_at, len(data), hashlib.sha256(data).digest(), header, encode(data))


def check_device_id(value: object, location: str = "body") -> str:
    """A device's id: a text of 1 to 255 characters, none of them a control character. Raises `InvalidField`."""
    if not isinstance(value, str):
        raise InvalidField("deviceId", "Not a text.", location)
    if not value:
        raise InvalidField("deviceId", "It may not be empty.", location)
    if len(value) > LONGEST_DEVICE_ID:
        raise InvalidField("deviceId", f"Longer than {LONGEST_DEVICE_ID} characters.", location)
    # Control characters, and halves of surrogate pairs, which no UTF-8 can carry.
    if not (value.isascii() and value.isprintable()) and any(unicodedata.category(each) in _UNFIT for each in value):
        raise InvalidField("deviceId", "Control characters are not allowed.", location)
    return value


_UNFIT: Final = frozenset({"Cc", "Cs"})


def query_timestamp(text: str, name: str = "timestamp") -> datetime:
    """An instant in a query. Raises `InvalidField`."""
    try:
        return from_query(text)
    except ValueError as error:
        raise InvalidField(name, f"{_NO_TIME}: {error}.", "query") from error


def _longest_base64(limits: Limits) -> int:
    return (limits.max_bytes + 2) // 3 * 4


def _check_size_of_json(body: bytes, limits: Limits) -> None:
    """Refuse what can't be a picture of the allowed size before it is copied twice by reading it. What may not count is
    blanks, escapes (at most six bytes for one character) and the other fields."""
    allowed = _longest_base64(limits) + _OTHER_FIELDS
    if len(body) > allowed and len(body) - sum(map(body.count, _BLANKS.encode())) - 6 * body.count(b"\\") > allowed:
        raise PictureTooBig(limits.max_bytes)


def _required(fields: Mapping[str, Any], name: str) -> object:
    value: object = fields.get(name)
    if value is None:
        raise InvalidField(name, _REQUIRED)
    return value


def _timestamp(value: object) -> datetime:
    try:
        if isinstance(value, Epoch):
            return from_epoch(value)
        if isinstance(value, str):
            return parse_timestamp(value)
    except ValueError as error:
        raise InvalidField("timestamp", f"{_NO_TIME}: {error}.") from error
    raise InvalidField("timestamp", "Not a text (in CBOR also: nor a date-time by tag 0 or 1).")


def _picture(value: object, form: Format, limits: Limits) -> bytes:
    if isinstance(value, bytes) and form is Format.CBOR:
        return value
    if not isinstance(value, str):
        raise InvalidField("imageData", "Neither base64 in a text nor, in CBOR, a byte string.")
    longest = _longest_base64(limits)
    if len(value) > longest and len(value) - sum(map(value.count, _BLANKS)) > longest:
        raise PictureTooBig(limits.max_bytes)  # before it is decoded
    try:
        return from_base64(value)
    except ValueError as error:
        raise InvalidField("imageData", "Not base64 (RFC 4648).") from error


def from_base64(text: str) -> bytes:
    """RFC 4648 sections 4 and 5, padded; blanks and line ends in between are fine. Raises `ValueError`."""
    try:
        return _strict(text)
    except ValueError:
        return _strict("".join(text.split()).translate(_FROM_URL_SAFE))


def _strict(text: str) -> bytes:
    if len(text) % 4:
        raise ValueError("not padded to a multiple of four")  # the library lets a padding pass that is too long
    return binascii.a2b_base64(text, strict_mode=True)
