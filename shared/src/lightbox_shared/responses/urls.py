"""Absolute URLs as clients see them."""

import re
from typing import Final

from starlette.requests import Request

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")


def public_base(request: Request, configured: str | None) -> str:
    """The beginning of absolute URLs, `scheme://host` without a slash at the end.

    It is `configured` (the setting `public_url`) if that is set, else the scheme and host of the `X-Forwarded-*`
    headers. The gateway sets these for every request, in place of those that a client sends. With an invalid host in
    them the service's own address is used.
    """
    if configured:
        return configured.rstrip("/")
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    host = request.headers.get("x-forwarded-host", request.headers.get("host", ""))
    if scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return str(request.base_url).rstrip("/")
    return f"{scheme}://{host}"
