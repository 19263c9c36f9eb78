"""Requests that a foreign page makes a browser send (cross-site request forgery).

The browser adds the session cookie by itself, so a request that would change something counts only if it comes from a
page of ours or of an origin that the settings name. Browsers say so in `Sec-Fetch-Site` (W3C Fetch Metadata), which no
page can forge; over plain HTTP, and in old ones, `Origin` has to do, which every browser sends with such a request.
A program that is no browser sends neither, and holds its cookie on purpose.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from gateway.config import ANY_ORIGIN
from gateway.headers import RequestHeaders
from gateway.trusted_proxies import Client
from lightbox_shared.errors import Forbidden

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_PAGES: Final = frozenset({b"same-origin", b"none"})
_LOOPBACK: Final = re.compile(rb"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class CrossSiteRequest(Forbidden):
    """A page of another origin made the browser send this."""

    code = "cross-site-request"
    default_detail = "A page of another origin may not do this with the session cookie (LIGHTBOX_ALLOWED_ORIGINS)."


class CrossSite:
    """Tells a page of ours from a foreign one. Where any origin may call (`*`), those of this machine are trusted with
    the cookie, and no other: a cookie is not for every page in the world."""

    def __init__(self, origins: frozenset[str], *, public_url: str | None = None) -> None:
        self._anybody = ANY_ORIGIN in origins
        self._trusted = {origin.rstrip("/").lower().encode() for origin in origins} - {b"null"}
        self._public = _public_origin(public_url)

    def check(self, headers: RequestHeaders, client: Client, *, signing_in: bool = False) -> None:
        """Raises `CrossSiteRequest` for a request that came by a foreign page. Where any origin may call, any may also
        sign somebody in."""
        if signing_in and self._anybody:
            return
        origin = headers.own.get(b"origin")
        sites = [value.strip().lower() for name, value in headers.passed if name == b"sec-fetch-site"]
        if sites:
            fine = _OUR_PAGES.issuperset(sites) or self._trusts(origin)
        else:
            fine = origin is None or origin in {_own_origin(client), self._public} or self._trusts(origin)
        if not fine:
            raise CrossSiteRequest

    def _trusts(self, origin: bytes | None) -> bool:
        if origin is None:
            return False
        return origin in self._trusted or (self._anybody and _LOOPBACK.fullmatch(origin) is not None)


def _own_origin(client: Client) -> bytes:
    host = client.host.lower().removesuffix(_DEFAULT_PORTS.get(client.scheme, ""))
    return f"{client.scheme}://{host}".encode("latin-1")


def _public_origin(url: str | None) -> bytes | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return _own_origin(Client("", parts.scheme, parts.netloc))
