"""Whether browsers come by the address that the setting `public_url` names.

Where they do not, passkeys, the issuer of OpenID Connect, links to share and the session cookie are for an address that
nobody has open. Nothing fails until the first of them is needed, so the log says it before.
"""

import structlog

from gateway.csrf import own_origin, public_origin
from gateway.headers import RequestHeaders
from gateway.trusted_proxies import Client

log = structlog.get_logger()


class PublicAddress:
    """Compares the origins of pages with `public_url`, and says the first other one in the log."""

    def __init__(self, public_url: str | None) -> None:
        self._public = public_origin(public_url)

    def compare(self, headers: RequestHeaders, client: Client) -> None:
        """Look at a request of a page, which names its origin. Requests of programs, and of other sites, say nothing
        about the address of this one."""
        origin = headers.own.get(b"origin")
        if self._public is None or origin is None or origin == self._public:
            return
        sites = [value.strip().lower() for name, value in headers.forwarded if name == b"sec-fetch-site"]
        if sites != [b"same-origin"] and (sites or origin != own_origin(client)):
            return
        log.warning(
            "browsers come by another address than LIGHTBOX_PUBLIC_URL, which passkeys, links and cookies are for",
            origin=origin.decode("latin-1"),
            public_url=self._public.decode("latin-1"),
        )
        self._public = None  # once is enough, and strangers could fill the log
