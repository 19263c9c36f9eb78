"""Pictures on their way out over HTTP: the bytes as they were sent, or as they are stored, and what tells a client that
it has them already (RFC 9110 sections 8.8, 13 and 14).

A picture has two representations where it is stored compressed, with an entity tag each: ranges are those of the bytes
as they were sent. An answer without a body reads one row and no bytes. Large pictures go out in pieces (`pieces`): a
client that does not read holds one of them.
"""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from core_collection_service.pictures.encodings import ZSTD, Encoded
from core_collection_service.pictures.repository import LARGEST_AT_ONCE, PictureRecord
from core_collection_service.pictures.service import Pictures
from lightbox_shared.conditional import byte_range, is_unchanged
from lightbox_shared.hal import http_date
from lightbox_shared.negotiation import prefers_coding

SECURITY: Final = {
    # The type was checked at upload and is not to be guessed again; nothing in a picture may run.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A picture can be deleted: whoever kept it asks whether it is still there, which costs no bytes.
    "Cache-Control": "private, no-cache",
}

_PARTIAL: Final = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"})


def is_for_all(request: Request) -> bool:
    """Whether only all bytes can answer the request: it has no condition and names no range."""
    return request.method == "GET" and not any(name in _PARTIAL for name in request.headers)


async def original(
    request: Request, record: PictureRecord, pictures: Pictures, stored: Encoded | None = None
) -> Response:
    """The picture as its device sent it; 206 for a range of it, 304 for who has it; `stored` are its bytes where they
    are at hand. Raises `NoSuchPicture`, `RangeNotSatisfiable` and `PreconditionFailed`."""
    compressed = record.encoding == ZSTD and "range" not in request.headers and accepts_zstd(request)
    etag = record.sha256.hex() + (f"-{ZSTD}" if compressed else "")
    headers = {
        **SECURITY,
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
    sent = wanted or range(record.stored_size if compressed else record.size)
    held = record.size if record.encoding is not None and not compressed else len(sent)
    if held > LARGEST_AT_ONCE:
        headers["Content-Length"] = str(len(sent))
        pieces = await _begun(pictures.pieces(record, sent, as_stored=compressed))
        return StreamingResponse(pieces, status, headers, media_type=record.media_type)
    if wanted is not None:
        part = await pictures.part(record, wanted.start, len(wanted))
        return Response(part, status, headers, media_type=record.media_type)
    stored = stored or await pictures.stored(record)
    data = stored.data if compressed else await pictures.original(record, stored)
    return Response(data, media_type=record.media_type, headers=headers)


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, of which the first is there: what goes wrong before it is still answered as a failure."""
    return _all_of_them(await anext(pieces), pieces)


async def _all_of_them(piece: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield piece
    async for piece in others:  # noqa: PLR1704 - so that the first is not kept
        yield piece


def accepts_zstd(request: Request) -> bool:
    """Whether the client can be sent the bytes as they are stored."""
    return prefers_coding(request.headers.get("accept-encoding"), ZSTD)
