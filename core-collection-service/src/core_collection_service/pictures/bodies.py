"""The body of an upload over HTTP: its type, and its bytes within the limits."""

from collections.abc import Mapping
from contextlib import aclosing
from fractions import Fraction
from io import BytesIO
from typing import Final

from fastapi import Request

from core_collection_service.pictures.errors import PictureTooBig
from core_collection_service.pictures.memory import Reservation
from core_collection_service.protocol.documents import Format
from lightbox_shared.errors import BadRequest, UnsupportedMediaType

_AROUND_BYTES: Final = 64 * 1024
_LONGEST_NUMBER: Final = 20
# How much larger than the largest picture its document may be: base64 is 4/3, and line ends and slashes that are
# escaped in JSON add some percent; in CBOR it may be base64, and all that in hexadecimal digits.
_LARGER: Final[Mapping[Format, Fraction]] = {Format.JSON: Fraction(3, 2), Format.CBOR: Fraction(8, 3)}


def document_format(request: Request) -> Format:
    """What `Content-Type` says; its parameters are of no concern. Raises `UnsupportedMediaType`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        return Format(media_type)
    except ValueError:
        raise UnsupportedMediaType("The body has to be application/json or application/cbor.") from None


async def read_body(request: Request, form: Format, memory: Reservation, max_picture_bytes: int) -> bytes:
    """All of it, held once. Raises `PictureTooBig`, `Unavailable` while the memory for uploads is used up, and
    `BadRequest` for a body that was cut."""
    limit = int(max_picture_bytes * _LARGER[form]) + _AROUND_BYTES
    announced = request.headers.get("content-length", "")
    expected = int(announced[:_LONGEST_NUMBER]) if announced.isascii() and announced.isdigit() else 0
    if expected > limit:
        raise PictureTooBig(max_picture_bytes)
    memory.check(expected)  # taken as it comes: whoever announces much and sends nothing keeps nobody out
    body = BytesIO()  # a list of pieces would need many times their size if they are small
    size = 0
    async with aclosing(request.stream()) as stream:
        async for piece in stream:
            size += len(piece)
            if size > limit:
                raise PictureTooBig(max_picture_bytes)
            memory.grow(len(piece))
            body.write(piece)
    if size < expected:
        raise BadRequest("The body is shorter than Content-Length says.")
    return body.getvalue()
