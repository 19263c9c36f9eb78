"""Answers with pictures, which browsers load by an `<img>` element."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lightbox_shared.conditional import bytes_response, etag_matches
from lightbox_shared.openapi import headers

ETAG: Final = "Of the picture; `If-None-Match` with it is answered by 304."
PICTURE_HEADERS: Final = headers(ETag=ETAG)
"""For `responses`: what `picture_response` adds."""

# Browsers must not guess another type than the one that was checked, nor run scripts in a picture.
_HEADERS: Final = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"}


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture for browsers, which is not loaded or made before its bytes are needed."""

    media_type: str
    etag: str
    load: Callable[[], Awaitable[bytes]]


async def picture_response(request: Request, shown: ShownPicture) -> Response:
    """The picture, or 304 where the client has it. Raises the exceptions of `load`."""
    is_known = etag_matches(request.headers.get("if-none-match"), shown.etag)
    data = b"" if is_known else await shown.load()
    return bytes_response(request, data, shown.media_type, etag=shown.etag, headers=_HEADERS)
