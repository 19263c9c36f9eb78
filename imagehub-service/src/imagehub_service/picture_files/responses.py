"""Pictures over HTTP: whole or in part, or 304 for a client that has them already (RFC 9110 sections 8.8, 13 and 14).

A picture never changes, so what a client has of it is never asked for again (`immutable`, RFC 8246), and caches that
several people share may keep it only where everybody may see it. Pages of any origin may read what does not depend on
who asks: public pictures, and those of a shared link.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.picture_files.formats import target_of_picture
from imagehub_service.picture_files.repository import Place
from imagehub_service.picture_files.watch import LARGEST_KEPT, Shown
from imagehub_service.picture_files.whole import Layout
from imagehub_service.renditions.rendering import Rendition
from imagehub_service.state import Services
from imagehub_service.visibility import GalleryVisitor, Visibility
from lightbox_shared.responses.conditional import byte_range, is_unchanged
from lightbox_shared.responses.hal import http_date

YEAR_SECONDS: Final = 365 * 24 * 3600
_SAFE_HEADERS: Final = {
    # The type was checked when the picture came and is not to be guessed again; nothing in a picture may run.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_CONDITIONS: Final = frozenset(
    {"range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
)


def is_for_all(visitor: GalleryVisitor, services: Services) -> bool:
    """Whether what the visitor sees does not depend on who it is: everybody with this address sees it."""
    return visitor.key is not None or services.settings.visibility is Visibility.PUBLIC


def cross_origin_headers(visitor: GalleryVisitor, services: Services) -> dict[str, str]:
    """What lets pages of any origin read the answer, without the credentials of their visitors (Fetch standard)."""
    return {"Access-Control-Allow-Origin": "*"} if is_for_all(visitor, services) else {}


def picture_headers(visitor: GalleryVisitor, services: Services) -> dict[str, str]:
    """The headers of all answers with pictures."""
    shared = "public" if services.settings.visibility is Visibility.PUBLIC else "private"
    return {
        **_SAFE_HEADERS,
        "Cache-Control": f"{shared}, max-age={YEAR_SECONDS}, immutable",
        **cross_origin_headers(visitor, services),
    }


async def whole_response(request: Request, picture: Picture, visitor: GalleryVisitor, services: Services) -> Response:
    """The whole picture. Raises `RangeNotSatisfiable` and `PreconditionFailed`."""
    etag, headers = services.renditions.files.etag(picture), picture_headers(visitor, services)
    if is_unchanged(request, etag, picture.created_at):
        return Response(status_code=304, headers=_validated(headers, etag, picture))
    layout = await services.renditions.files.layout(picture)
    return await file_response(request, picture, layout, etag=etag, headers=headers, services=services)


async def file_response(
    request: Request, picture: Picture, layout: Layout, *, etag: str, headers: Mapping[str, str], services: Services
) -> Response:
    """The bytes of a file, or the part of them that `Range` names. Raises `RangeNotSatisfiable`."""
    headers = {**_validated(headers, etag, picture), "Accept-Ranges": "bytes"}
    wanted = byte_range(request, layout.size, etag)
    status = 200 if wanted is None else 206
    if wanted is not None:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{layout.size}"
    positions = wanted or range(layout.size)
    files = services.renditions.files
    if len(positions) <= LARGEST_KEPT:
        return Response(await files.read(layout, positions), status, headers, media_type=layout.media_type)
    headers["Content-Length"] = str(len(positions))
    return StreamingResponse(files.chunks(layout, positions), status, headers, media_type=layout.media_type)


async def rendition_response(
    request: Request, picture: Picture, rendition: Rendition, headers: Mapping[str, str], services: Services
) -> Response:
    """A rendition of a picture; for a client that has it none is rendered. Raises `RangeNotSatisfiable`,
    `PreconditionFailed`, and `Unavailable` if too many wait."""
    etag = rendition.etag(picture.preview_sha256 or picture.sha256)
    headers = {**_validated(headers, etag, picture), "Accept-Ranges": "bytes"}
    if is_unchanged(request, etag, picture.created_at):
        return Response(status_code=304, headers=headers)
    rendered = await services.renditions.render(picture, rendition)
    wanted = byte_range(request, len(rendered.data), etag)
    if wanted is None:
        return Response(rendered.data, headers=headers, media_type=rendered.media_type)
    headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(rendered.data)}"
    return Response(rendered.data[wanted.start : wanted.stop], 206, headers, media_type=rendered.media_type)


async def original_response(request: Request, picture: Picture, services: Services) -> Response:
    """The file as it came, for administrators. Raises `RangeNotSatisfiable` and `PreconditionFailed`."""
    etag = picture.sha256.hex()
    name = quote(picture.name.encode("utf-8", "replace"), safe="")
    headers = {
        **_SAFE_HEADERS,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",  # RFC 6266, RFC 8187
    }
    if is_unchanged(request, etag, picture.created_at):
        return Response(status_code=304, headers=_validated(headers, etag, picture))
    layout = services.renditions.files.original(picture)
    return await file_response(request, picture, layout, etag=etag, headers=headers, services=services)


def keep_response(
    request: Request,
    response: Response,
    picture: Picture,
    visitor: GalleryVisitor,
    key: str | None,
    *,
    services: Services,
    generation: int,
) -> None:
    """Keep a complete answer in memory. The picture was read in `generation` of the answers that are kept.

    An address with the key of a share that an account has asked for is not kept: the headers for those who have
    nothing but the key are others.
    """
    if key is not None and not is_for_all(visitor, services):
        return
    is_complete = response.status_code == 200 and not isinstance(response, StreamingResponse)
    if not is_complete or any(name in request.headers for name in _CONDITIONS):
        return
    shown = Shown(Place(picture.id, picture.group_id), key)
    etag = response.headers["etag"].strip('"')
    route = request.scope["route"].path
    target = target_of_picture(request.scope)
    services.watch.responses.store(target, shown, etag, response, route=route, generation=generation)


def _validated(headers: Mapping[str, str], etag: str, picture: Picture) -> dict[str, str]:
    return {**headers, "ETag": f'"{etag}"', "Last-Modified": http_date(picture.created_at)}
