"""Cross-origin resource sharing (Fetch standard, "CORS protocol"), which the gateway does for every service.

Requests may have cookies, so the answer names the origin of the request and not `*`, and varies by `Origin`. CORS
headers of services are removed, with one exception: on routes with `Route.public_reads` a service may say that pages of
any origin may read its answer (`Access-Control-Allow-Origin: *`). Browsers then show it to a page only if it was asked
for without cookies; with a header such as `Authorization` the page has to send a preflight first, to which the setting
applies. Errors of reading on these routes may be read by pages of any origin too, whether the service or the gateway
answers them: they contain nothing of a picture, and without them a viewer can't say why it shows none.

A preflight is answered for every path to origins that are allowed, so that a page reads 404 for a path that does not
exist, and not an error of the network.
"""

from typing import Final

from gateway.client_origins import ClientOrigins
from gateway.config import ANY_ORIGIN
from gateway.headers import RawHeaders

METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSED: Final = (
    b"X-Request-ID, Location, Link, ETag, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, Allow, "
    b"Content-Disposition, Content-Range, Accept-Ranges, Preference-Applied, Lightbox-Notice"
)
MAX_AGE_SECONDS: Final = b"7200"  # the longest that Chromium keeps
ANYBODY: Final = (b"access-control-allow-origin", b"*")
_VARY: Final = (b"vary", b"Origin")
_CREDENTIALS: Final = (b"access-control-allow-credentials", b"true")
_EXPOSE: Final = (b"access-control-expose-headers", EXPOSED)


class Cors:
    """Decides which origins may read answers: those of the settings, where `*` allows all, and those of registered
    OAuth clients, whose pages browsers don't let use cookies."""

    def __init__(self, origins: frozenset[str], clients: ClientOrigins) -> None:
        self._any = ANY_ORIGIN in origins
        self._origins = frozenset(origin.rstrip("/").encode() for origin in origins)
        self._clients = clients

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may send requests and read the answers."""
        return self._allows_cookies(origin) or origin in self._clients

    def _allows_cookies(self, origin: bytes) -> bool:
        return self._any or origin in self._origins

    def headers(self, origin: bytes | None) -> RawHeaders:
        """The CORS headers of an answer to a request from `origin`."""
        if not self._origins and not self._clients:
            return []
        if origin is None or not self.allows(origin):
            return [_VARY]
        credentials = [_CREDENTIALS] if self._allows_cookies(origin) else []
        return [_VARY, (b"access-control-allow-origin", origin), *credentials, _EXPOSE]

    def public(self, origin: bytes | None) -> RawHeaders:
        """The further CORS headers of an answer that pages of any origin may read, where `headers` does not allow that
        already."""
        return [] if origin is not None and self.allows(origin) else [ANYBODY, _EXPOSE]

    def preflight(self, asked_headers: bytes | None) -> RawHeaders:
        """The further headers of an answer to a preflight, which asks for `asked_headers`."""
        answer = [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-max-age", MAX_AGE_SECONDS),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        if asked_headers is not None:
            answer.append((b"access-control-allow-headers", asked_headers))
        return answer
