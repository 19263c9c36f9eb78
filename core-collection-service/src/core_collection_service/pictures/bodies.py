"""The body of an upload over HTTP: its type, and its bytes within the limits of size, memory and time.

A client that stops in the middle, or sends a byte now and then, holds memory that others need: it has to bring so much
in each span of time, whatever it has brought before (RFC 9110 section 15.5.9).
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Final

from fastapi import Request

from core_collection_service.pictures.errors import PictureTooBig, UploadTooSlow
from core_collection_service.pictures.memory_budget import SMALL_BYTES, Reservation
from core_collection_service.protocol.documents import Format
from lightbox_shared.errors import BadRequest, UnsupportedMediaType

_AROUND_BYTES: Final = 64 * 1024
_LONGEST_NUMBER: Final = 20
# How much larger than the largest picture its document may be: base64 is 4/3, and line ends and slashes that are
# escaped in JSON add some percent; in CBOR it may be base64, and all that in hexadecimal digits.
_LARGER: Final[Mapping[Format, Fraction]] = {Format.JSON: Fraction(3, 2), Format.CBOR: Fraction(8, 3)}


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of a body has to arrive in each span of time. Small ones may come over a slow radio link."""

    seconds: float = 20.0
    least: int = 20 * 16 * 1024
    least_of_small: int = 20 * 1024


PACE: Final = Pace()


def document_format(request: Request) -> Format:
    """What `Content-Type` says; its parameters are of no concern. Raises `UnsupportedMediaType`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        return Format(media_type)
    except ValueError:
        raise UnsupportedMediaType("The body has to be application/json or application/cbor.") from None


async def read_body(request: Request, form: Format, memory: Reservation, max_picture_bytes: int, pace: Pace) -> bytes:
    """All of it, held once. Raises `PictureTooBig`, `Unavailable` while the memory for uploads is used up,
    `UploadTooSlow`, and `BadRequest` for a body that was cut."""
    limit = int(max_picture_bytes * _LARGER[form]) + _AROUND_BYTES
    announced = request.headers.get("content-length", "")
    expected = int(announced[:_LONGEST_NUMBER]) if announced.isascii() and announced.isdigit() else None
    if expected is not None and expected > limit:
        raise PictureTooBig(max_picture_bytes)
    memory.expect(expected)  # taken as it comes: whoever announces much and sends nothing keeps nobody out
    least = pace.least_of_small if expected is not None and expected <= SMALL_BYTES else pace.least
    body = BytesIO()  # a list of pieces would need many times their size if they are small
    size, lately = 0, 0
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(pace.seconds) as patience, aclosing(request.stream()) as stream:
            async for piece in stream:
                size += len(piece)
                lately += len(piece)
                if size > limit:
                    raise PictureTooBig(max_picture_bytes)
                memory.grow(len(piece))
                body.write(piece)
                if lately >= least:
                    lately = 0
                    patience.reschedule(now() + pace.seconds)
    except TimeoutError:
        raise UploadTooSlow(pace.seconds) from None
    if expected is not None and size < expected:
        raise BadRequest("The body is shorter than Content-Length says.")
    return body.getvalue()
