"""Pictures over HTTP: the original or the stored bytes, a part of them, a thumbnail, or 304 for a client that has them
already (RFC 9110 sections 8.8, 13 and 14).

A picture that is stored compressed has two representations, each with an entity tag of its own; ranges are of the
original. For an answer without a body one row and no bytes are read. Large pictures are sent in chunks
(`storage.chunks`), of which a client that does not read holds one.
"""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.encodings import ZSTD, Encoded
from core_collection_service.pictures.storage.repository import LARGEST_AT_ONCE
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.thumbnails.rendering import Box
from core_collection_service.pictures.thumbnails.service import Thumbnails
from lightbox_shared.responses.conditional import byte_range, is_unchanged
from lightbox_shared.responses.hal import http_date
from lightbox_shared.responses.negotiation import prefers_coding

RENDERING_VERSION: Final = 2
"""In the entity tags of thumbnails; to be increased when thumbnails look different."""
_COMMON_HEADERS: Final = {
    # The type was checked at upload and is not to be guessed again; nothing in a picture may run.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A picture can be deleted: caches have to ask whether it is still there, which costs no bytes.
    "Cache-Control": "private, no-cache",
}
_CONDITIONAL: Final = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"})


def needs_whole_picture(request: Request) -> bool:
    """Whether the answer has all bytes of the picture for certain: a GET without a condition and without a range."""
    return request.method == "GET" and not any(name in _CONDITIONAL for name in request.headers)


async def picture_response(
    request: Request, record: PictureRecord, storage: PictureStorage, stored: Encoded | None = None
) -> Response:
    """The picture as its device sent it; 206 for a part of it, 304 for a client that has it. `stored` are its stored
    bytes if they have been read already. Raises `NoSuchPicture` if it has been deleted, `RangeNotSatisfiable` and
    `PreconditionFailed`."""
    compressed = record.encoding == ZSTD and "range" not in request.headers and _accepts_zstd(request)
    etag = record.sha256.hex() + (f"-{ZSTD}" if compressed else "")
    headers = {
        **_COMMON_HEADERS,
        "ETag": f'"{etag}"',
        "Last-Modified": http_date(record.received_at),
        "Vary": "Accept-Encoding",
        "Accept-Ranges": "bytes",
    }
    if is_unchanged(request, etag, record.received_at):
        return Response(status_code=304, headers=headers)
    wanted = byte_range(request, record.size, etag)
    if compressed:
        headers["Content-Encoding"] = ZSTD
    if request.method == "HEAD":
        size = record.stored_size if compressed else record.size
        return Response(headers={**headers, "Content-Length": str(size)}, media_type=record.media_type)
    status = 200 if wanted is None else 206
    if wanted is not None:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{record.size}"
    positions = wanted or range(record.stored_size if compressed else record.size)
    bytes_in_memory = record.size if record.encoding is not None and not compressed else len(positions)
    if bytes_in_memory > LARGEST_AT_ONCE:
        headers["Content-Length"] = str(len(positions))
        chunks = await _started(storage.chunks(record, positions, as_stored=compressed))
        return StreamingResponse(chunks, status, headers, media_type=record.media_type)
    if wanted is not None:
        part = await storage.part(record, wanted.start, len(wanted))
        return Response(part, status, headers, media_type=record.media_type)
    stored = stored or await storage.stored(record)
    data = stored.data if compressed else await storage.original(record, stored)
    return Response(data, media_type=record.media_type, headers=headers)


async def thumbnail_response(request: Request, record: PictureRecord, thumbnails: Thumbnails, box: Box) -> Response:
    """The thumbnail of a picture, or 304 for a client that has it, for which none is rendered. Raises `NoThumbnail`,
    and `NoSuchPicture` if the picture has been deleted."""
    etag = f"{record.sha256.hex()[:32]}-{box.width}x{box.height}-{RENDERING_VERSION}"
    headers = {**_COMMON_HEADERS, "ETag": f'"{etag}"', "Last-Modified": http_date(record.received_at)}
    if is_unchanged(request, etag, record.received_at):
        return Response(status_code=304, headers=headers)
    thumbnail = await thumbnails.get(record, box)
    return Response(thumbnail.data, media_type=thumbnail.media_type, headers=headers)


async def _started(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, of which the first has been read: an error before it still has an answer of its own."""
    return _prepended(await anext(chunks), chunks)


async def _prepended(chunk: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield chunk
    async for chunk in others:  # noqa: PLR1704 - so that the first is not held until the end
        yield chunk


def _accepts_zstd(request: Request) -> bool:
    return prefers_coding(request.headers.get("accept-encoding"), ZSTD)
