"""Pictures over HTTP: whole, a part of them, or 304 for a client that has them (RFC 9110 sections 8.8, 13 and 14)."""

from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from annotation_service.pictures.representations import Kind, Representation, Representations
from lightbox_shared.responses.conditional import byte_range, is_unchanged
from lightbox_shared.responses.hal import http_date

CACHE_SECONDS: Final = 7 * 24 * 3600
HEADERS: Final = {
    # The type was checked at upload and is not to be guessed again; nothing in a picture may run.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # The bytes behind a name never change. They are not for caches that several people share.
    "Cache-Control": f"private, max-age={CACHE_SECONDS}, immutable",
}


async def picture_response(
    request: Request, found: Representation, kind: Kind, representations: Representations
) -> Response:
    """The bytes that the request asks for. Raises `RangeNotSatisfiable` and `PreconditionFailed`."""
    etag = found.sha256.hex()
    headers = {
        **HEADERS,
        "ETag": f'"{etag}"',
        "Last-Modified": http_date(found.modified_at),
        "Accept-Ranges": "bytes",
    }
    if kind is Kind.ORIGINAL:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}"  # RFC 8187
    if is_unchanged(request, etag, found.modified_at):
        return Response(status_code=304, headers=headers)
    wanted: range | None = None
    if "range" in request.headers:
        size = await representations.size(found)
        wanted = byte_range(request, size, etag)
        if wanted is not None:
            headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    data = await representations.read(found, wanted)
    return Response(data, 200 if wanted is None else 206, headers, media_type=found.media_type.value)
