"""Paths that are credentials: links that somebody shares, and addresses that take an upload without a token.

Logs have such a path without its secret part, here and at the gateway. A new kind of them gets its place in
`SECRET_PREFIXES`.
"""

import re
from typing import Final

from lightbox_shared.observability.logging import REDACTED

SECRET_PREFIXES: Final = ("/image/shared/", "/image/upload-sessions/", "/console/gallery/shared/")
"""What follows one of these is a secret. The last is the page of a shared link, which the console shows."""
KEY_MARK: Final = "~"
"""What follows it in a segment of a path below `IIIF_PREFIX` is the key of a share."""
IIIF_PREFIX: Final = "/iiif/"


def _pattern(prefix: str) -> str:
    """Also with slashes too many, with which a request is refused, and logged."""
    return "/+".join(re.escape(part) for part in prefix.split("/"))


_SECRET: Final = re.compile(rf"({'|'.join(map(_pattern, SECRET_PREFIXES))}).+", re.DOTALL | re.IGNORECASE)
_KEY: Final = re.compile(rf"{KEY_MARK}[^/]+")
# One of these is in every path that has a secret, and in few others. Looking for them takes a tenth of a microsecond.
_MARKERS: Final = tuple(prefix.rstrip("/").rpartition("/")[2] for prefix in SECRET_PREFIXES)


def loggable_path(path: str) -> str:
    """A percent-decoded path without its secret part."""
    if KEY_MARK in path and IIIF_PREFIX in path.lower():
        path = _KEY.sub(KEY_MARK + REDACTED, path)
    lower = path.lower()
    for marker in _MARKERS:
        if marker in lower:
            return _SECRET.sub(rf"\1{REDACTED}", path)
    return path
