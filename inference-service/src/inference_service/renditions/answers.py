"""Answers with pictures, which browsers load by an `<img>` element."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lightbox_shared.openapi import headers
from lightbox_shared.responses.conditional import bytes_response, etag_matches

ETAG: Final = "Of the picture; `If-None-Match` with it is answered by 304."
PICTURE_HEADERS: Final = headers(ETag=ETAG)
"""For `responses`: what `picture_response` adds."""

FOR_THE_ACCOUNT: Final = "private, no-cache"
"""`Cache-Control` of what the credential of a request opens. The next user of a browser has its cache, so it asks again
each time, which costs no more than a 304 (RFC 9111 section 5.2.2.4)."""
FOR_WHO_HAS_THE_LINK: Final = "private, max-age=3600"
"""The same for what a key in the address opens. A stored picture never changes."""
# Browsers must not guess another type than the one that was checked, nor run scripts in a picture.
_POLICY: Final = {"Content-Security-Policy": "default-src 'none'; sandbox"}


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture for browsers, which is not loaded or made before its bytes are needed."""

    media_type: str
    etag: str
    load: Callable[[], Awaitable[bytes]]


async def picture_response(request: Request, shown: ShownPicture, cache_control: str) -> Response:
    """The picture, or 304 where the client has it. Raises the exceptions of `load`."""
    is_known = etag_matches(request.headers.get("if-none-match"), shown.etag)
    data = b"" if is_known else await shown.load()
    return bytes_response(
        request, data, shown.media_type, etag=shown.etag, headers={"Cache-Control": cache_control, **_POLICY}
    )
