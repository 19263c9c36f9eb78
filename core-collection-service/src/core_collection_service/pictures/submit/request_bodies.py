"""The body of an upload over HTTP: its media type, and its bytes within limits of size, memory and time.

A client that stops in the middle, or sends a byte now and then, would hold memory that other uploads need. So a minimum
of bytes has to arrive in each span of time, however many have arrived before (408, RFC 9110 section 15.5.9).
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from fastapi import Request

from core_collection_service.pictures.errors import PictureTooLarge, UploadTooSlow
from core_collection_service.pictures.memory_budget import SMALL_BYTES, Reservation
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.protocol.documents import Format
from lightbox_shared.errors import BadRequest, UnsupportedMediaType

_LONGEST_NUMBER: Final = 20


@dataclass(frozen=True, slots=True)
class MinimumDataRate:
    """How many bytes of a body have to arrive in each span of time."""

    seconds: float = 20.0
    least_bytes: int = 20 * 16 * 1024
    least_bytes_of_small: int = 20 * 1024
    """For bodies that announce at most `SMALL_BYTES`, which may come over a slow radio link."""


DEFAULT_DATA_RATE: Final = MinimumDataRate()


def document_format(request: Request) -> Format:
    """The format that `Content-Type` names; its parameters are ignored. Raises `UnsupportedMediaType`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        return Format(media_type)
    except ValueError:
        raise UnsupportedMediaType("The body has to be application/json or application/cbor.") from None


async def read_body(
    request: Request, form: Format, memory: Reservation, limits: PictureLimits, rate: MinimumDataRate
) -> bytes:
    """All bytes of the body, of which no second copy is held. Raises `PictureTooLarge`, `Unavailable` while the memory
    for uploads is used up, `UploadTooSlow`, and `BadRequest` for a body that is shorter than announced."""
    largest = limits.largest_document(form)
    announced = request.headers.get("content-length", "")
    expected = int(announced[:_LONGEST_NUMBER]) if announced.isascii() and announced.isdigit() else None
    if expected is not None and expected > largest:
        raise PictureTooLarge(limits.max_bytes)
    memory.expect(expected)  # reserved as it arrives, so that announcing much and sending nothing takes no memory
    is_small = expected is not None and expected <= SMALL_BYTES
    least = rate.least_bytes_of_small if is_small else rate.least_bytes
    body = BytesIO()  # a list of chunks would need many times their size if they are small
    size, in_this_span = 0, 0
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(rate.seconds) as deadline, aclosing(request.stream()) as stream:
            async for chunk in stream:
                size += len(chunk)
                in_this_span += len(chunk)
                if size > largest:
                    raise PictureTooLarge(limits.max_bytes)
                memory.grow(len(chunk))
                body.write(chunk)
                if in_this_span >= least:
                    in_this_span = 0
                    deadline.reschedule(now() + rate.seconds)
    except TimeoutError:
        raise UploadTooSlow.after(rate.seconds) from None
    if expected is not None and size < expected:
        raise BadRequest("The body is shorter than Content-Length says.")
    return body.getvalue()
