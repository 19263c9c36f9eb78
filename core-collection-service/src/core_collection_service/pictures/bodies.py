"""The body of an upload over HTTP: its type, and its bytes within the limits."""

from contextlib import aclosing

from fastapi import Request

from core_collection_service.pictures.errors import PictureTooBig
from core_collection_service.pictures.memory import Reservation
from core_collection_service.protocol.documents import Format
from lightbox_shared.errors import BadRequest, UnsupportedMediaType

_AROUND_BYTES = 64 * 1024


def document_format(request: Request) -> Format:
    """What `Content-Type` says; its parameters are of no concern. Raises `UnsupportedMediaType`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        return Format(media_type)
    except ValueError:
        raise UnsupportedMediaType("The body has to be application/json or application/cbor.") from None


async def read_body(request: Request, memory: Reservation, max_picture_bytes: int) -> bytes:
    """All of it. A picture may be written in base64 (4/3 of its size) and that in hexadecimal digits (2). Raises
    `PictureTooBig`, `Unavailable` while the memory for uploads is used up, and `BadRequest` for a body that was cut."""
    limit = max_picture_bytes * 8 // 3 + _AROUND_BYTES
    announced = request.headers.get("content-length", "")
    expected = int(announced) if announced.isascii() and announced.isdigit() else 0
    if expected > limit:
        raise PictureTooBig(max_picture_bytes)
    memory.grow(expected)
    pieces: list[bytes] = []
    size = 0
    async with aclosing(request.stream()) as stream:
        async for piece in stream:
            size += len(piece)
            if size > limit:
                raise PictureTooBig(max_picture_bytes)
            if size > expected:
                memory.grow(size - expected)
                expected = size
            pieces.append(piece)
    if size < expected:
        raise BadRequest("The body is shorter than Content-Length says.")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
