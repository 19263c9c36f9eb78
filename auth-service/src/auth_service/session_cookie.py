"""The session cookie (RFC 6265), which carries a token in browsers."""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from auth_service.config import AuthSettings
from lightbox_shared.responses.urls import public_base

_HTTPS: Final = "https"


def set_session_cookie(request: Request, response: Response, settings: AuthSettings, token: str, seconds: int) -> None:
    """Set the cookie; with 0 seconds the browser forgets it."""
    response.set_cookie(
        settings.session_cookie,
        token,
        max_age=seconds,
        path="/",
        secure=_is_secure(request, settings),
        httponly=True,
        samesite="lax",
    )


def _is_secure(request: Request, settings: AuthSettings) -> bool:
    """Whether the cookie is for HTTPS alone: where the request came over HTTPS, or `public_url` says that browsers do.

    Browsers drop such a cookie of a server that they reach over plain HTTP. In development it is therefore never set
    there. In production a request without TLS is in most cases one of which a proxy has taken the TLS off, without
    being trusted to say so (`trusted_proxies`): the cookie is for HTTPS alone then, or it would be sent in clear text
    to the first `http://` link. A platform in production that browsers do reach over plain HTTP says so in
    `public_url`.
    """
    schemes = {urlsplit(public_base(request, url)).scheme for url in (None, settings.public_url)}
    return _HTTPS in schemes or (settings.in_production and settings.public_url is None)
