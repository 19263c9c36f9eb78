"""Protection against cross-site request forgery (CSRF).

A browser adds the session cookie to every request to this host, also to one that a page of another site has caused.
Therefore a request that can change something is accepted with the cookie only from pages of this host, and of origins
that the settings name. Browsers state where a request comes from in `Sec-Fetch-Site` (W3C Fetch Metadata), which pages
can't set. Over plain HTTP, and from old browsers, it is missing, and `Origin` is checked, which browsers send with
every such request. Programs other than browsers send neither header, and are accepted.

Some proxies forward `Host` without its port: the page is at `http://lab.local:8080`, and the request names `lab.local`.
So where `Host` has no port, an origin of the same scheme and host is this host's with every port, unless the setting
`public_url` says which port that host has. It costs little, since cookies do not keep ports apart either (RFC 6265
section 8.5): a server on another port of this host is sent the session cookie anyway. Where `Host` has a port, the
origin has to have the same.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from gateway.config import ANY_ORIGIN
from gateway.headers import RequestHeaders
from gateway.trusted_proxies import Client
from lightbox_shared.errors import Forbidden

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SCRIPTS: Final = frozenset({b"same-origin"})
_OWN_PAGES: Final = frozenset({b"same-origin", b"none"})
"""`none` is an address that somebody has typed, or followed from outside of the browser."""
_LOOPBACK: Final = re.compile(rb"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
_ORIGIN: Final = re.compile(rb"(https?://(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+))(?::\d{1,5})?")
"""A serialized origin (RFC 6454 section 6.2); its group is all but the port."""
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class CrossSiteRequest(Forbidden):
    """A page of another origin has caused the request."""

    code = "cross-site-request"
    default_detail = "A page of another origin may not do this with the session cookie (LIGHTBOX_ALLOWED_ORIGINS)."


class CsrfProtection:
    """Checks from which pages requests come.

    `origins` may use the session cookie. The origin `*` allows it to pages of this machine (localhost) only, since
    otherwise every page on the internet could use it.
    """

    def __init__(self, origins: frozenset[str], *, public_url: str | None = None) -> None:
        self._allows_any = ANY_ORIGIN in origins
        self._trusted = {origin.rstrip("/").lower().encode() for origin in origins} - {b"null"}
        self._public = public_origin(public_url)

    def check(
        self, headers: RequestHeaders, client: Client, *, signing_in: bool = False, changes_by_get: bool = False
    ) -> None:
        """Raises `CrossSiteRequest` for a request from a page that is not trusted.

        With `signing_in` the request has no session yet, and its answer may set the cookie. It is accepted from every
        page if the origin `*` is allowed. With `changes_by_get` the request is a GET that changes something: a link
        makes one too, of which old browsers say nothing, so it has to say that a trusted page made it.
        """
        if signing_in and self._allows_any:
            return
        origin = headers.own.get(b"origin")
        sites = [value.strip().lower() for name, value in headers.forwarded if name == b"sec-fetch-site"]
        if sites:
            own = _OWN_SCRIPTS if changes_by_get else _OWN_PAGES
            trusted = own.issuperset(sites) or self._trusts(origin)
        elif origin is None:
            trusted = not changes_by_get
        else:
            trusted = self._is_own(origin, client) or self._trusts(origin)
        if not trusted:
            raise CrossSiteRequest

    def _is_own(self, origin: bytes, client: Client) -> bool:
        """Whether it is the origin of this host, as far as the request and the settings say."""
        if origin in {own_origin(client), self._public}:
            return True
        named = _ORIGIN.fullmatch(origin)
        if named is None or (self._public is not None and _without_port(self._public) == named[1]):
            return False
        return named[1] == f"{client.scheme}://{client.host}".lower().encode("latin-1")

    def _trusts(self, origin: bytes | None) -> bool:
        if origin is None:
            return False
        return origin in self._trusted or (self._allows_any and _LOOPBACK.fullmatch(origin) is not None)


def own_origin(client: Client) -> bytes:
    """The origin that a request names as its own, as browsers write it: without the port of the scheme."""
    host = client.host.lower().removesuffix(_DEFAULT_PORTS.get(client.scheme, ""))
    return f"{client.scheme}://{host}".encode("latin-1")


def _without_port(origin: bytes) -> bytes | None:
    found = _ORIGIN.fullmatch(origin)
    return None if found is None else found[1]


def public_origin(url: str | None) -> bytes | None:
    """The origin of the setting `public_url`."""
    if url is None:
        return None
    parts = urlsplit(url)
    return own_origin(Client("", parts.scheme, parts.netloc))
