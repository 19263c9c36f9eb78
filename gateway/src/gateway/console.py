"""The console at `/console/`: the files that `console/build.py` has made, and what is said while there are none.

An address below it that names no file is a page of the console, which shows what belongs to it: it gets `index.html`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from anyio import to_thread
from starlette.responses import HTMLResponse, Response

from gateway.headers import RawHeaders
from lightbox_shared.errors import NotFound

PREFIX: Final = "/console"
BUILDING: Final = "building"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script and no style within a page, and nothing of another host."""
_INDEX: Final = "index.html"
_NO_FILE: Final = "The console has no such file."
_ASSETS: Final = "assets/"
"""The folder of the files whose names have a digest of their content."""
_FILE: Final = re.compile(r"(?:assets/)?[\w-]+(?:\.[\w-]+)+")
"""A file of the build: all are in one folder, or beside the index. Elsewhere a dot is one of a page's address, such as
that of a device whose id is its IP address."""
_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""In the order of preference."""
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_MISSING_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Lightbox</title>
<meta name="viewport" content="width=device-width">
{refresh}<h1>Lightbox</h1>
<p>{sentence}
<p>Everything else works: the API is described at <a href="/docs">/docs</a>.
</html>
"""


@dataclass(frozen=True, slots=True)
class Console:
    """Answers the paths of the console. `folder` is where it is built, None if this installation has none."""

    folder: Path | None

    async def answer(self, path: str, headers: RawHeaders) -> Response:
        """The answer to GET of a path. Raises `NotFound` for a file that does not exist."""
        if self.folder is None:
            raise NotFound("The console is not part of this installation (LIGHTBOX_CONSOLE_DIR).")
        name = path.removeprefix(PREFIX).strip("/")
        accepted = tuple(_accepted_encodings(headers))
        return await to_thread.run_sync(_read, self.folder, name, accepted)


def _read(folder: Path, name: str, accepted: tuple[str, ...]) -> Response:
    is_file = _FILE.fullmatch(name) is not None
    if not is_file and name.startswith(_ASSETS):
        raise NotFound(_NO_FILE)
    if not is_file:
        name = _INDEX
    headers = {"Cache-Control": _IMMUTABLE if name.startswith(_ASSETS) else "no-store", "Vary": "Accept-Encoding"}
    if name == _INDEX:
        headers["Content-Security-Policy"] = POLICY
        headers["Referrer-Policy"] = "same-origin"
    media_type = guess_type(name)[0] or "application/octet-stream"
    for encoding, suffix in (*_ENCODINGS, ("", "")):
        if encoding and encoding not in accepted:
            continue
        try:
            content = (folder / (name + suffix)).read_bytes()
        except OSError:  # it is not there, is a folder, or no file can have this name
            continue
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(content, media_type=media_type, headers=headers)
    if is_file:
        raise NotFound(_NO_FILE)
    return _missing(folder)


def _missing(folder: Path) -> Response:
    """The page that is shown until the console is built. What is written beside the folder says how that stands."""
    try:
        state = folder.with_name(folder.name + ".state").read_text()
    except OSError:
        state = ""
    if state == BUILDING:
        page = _MISSING_PAGE.format(
            refresh='<meta http-equiv="refresh" content="2">\n',
            sentence="The console is being built, which takes a minute at its first time. This page tries again.",
        )
        return HTMLResponse(page, 503, {"Retry-After": "2"})
    reason = (
        f"it can't be built: {escape(state)}"
        if state
        else "it has not been built: <code>make console</code> does that."
    )
    page = _MISSING_PAGE.format(refresh="", sentence=f"The console is not there; {reason}")
    return HTMLResponse(page, 503)


def _accepted_encodings(headers: RawHeaders) -> Iterator[str]:
    """The codings that `Accept-Encoding` names without excluding them (RFC 9110 section 12.5.3)."""
    for name, value in headers:
        if name == b"accept-encoding":
            for part in value.decode("latin-1").lower().split(","):
                coding, _, weight = part.partition(";")
                if not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight):
                    yield coding.strip()
