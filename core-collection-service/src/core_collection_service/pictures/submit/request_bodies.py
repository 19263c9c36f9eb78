"""The body of an upload over HTTP: its media type, and its bytes within limits of size, memory and time.

The rate is that by which the gateway measures all bodies (`lightbox_shared.requests.data_rate`). Here it also holds for
clients that come without the gateway, since a body that stands still would hold memory that other uploads need.
"""

import asyncio
from contextlib import aclosing
from io import BytesIO

from fastapi import Request

from core_collection_service.pictures.errors import PictureTooLarge, UploadTooSlow
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.protocol.documents import Format
from lightbox_shared.concurrency.memory_budget import Reservation
from lightbox_shared.errors import BadRequest, UnsupportedMediaType
from lightbox_shared.requests.content_length import content_length
from lightbox_shared.requests.data_rate import MinimumDataRate


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
    expected = content_length(request.headers.get("content-length"))
    if expected is not None and expected > largest:
        raise PictureTooLarge(limits.max_bytes)
    memory.expect(expected)  # reserved as it arrives, so that announcing much and sending nothing takes no memory
    least = rate.least(expected)
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
