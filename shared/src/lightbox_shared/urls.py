"""Absolute addresses as the outside sees them."""

import re
from typing import Final

from starlette.requests import Request

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")


def public_base(request: Request, configured: str | None) -> str:
    """`scheme://host` without a slash at the end: the setting, else what the gateway says that it was asked for.

    The gateway replaces whatever a client sends in these headers; a host that is none falls back to our own.
    """
    if configured:
        return configured.rstrip("/")
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    host = request.headers.get("x-forwarded-host", request.headers.get("host", ""))
    if scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return str(request.base_url).rstrip("/")
    return f"{scheme}://{host}"
