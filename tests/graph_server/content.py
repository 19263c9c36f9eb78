"""The host with the bytes: downloads, and the chunks of upload sessions. It refuses requests that carry a token."""

import re
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from graph_server.errors import GraphFault
from graph_server.state import CONTENT_HOST, GraphState, Upload

FRAGMENT: Final = 320 * 1024
MAX_REQUEST: Final = 60 * 1024 * 1024
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


def content_router(state: GraphState) -> APIRouter:
    """The paths of this host."""
    router = APIRouter()

    @router.get("/download/{token}")
    async def download(token: str, request: Request) -> Response:
        check_host(request)
        item = state.downloads.get(token)
        if item is None:
            raise GraphFault(404, "itemNotFound", "The download address has expired.")
        return ranged(item.content, request.headers.get("range"))

    @router.get("/up/{token}")
    async def upload_status(token: str, request: Request) -> Response:
        check_host(request)
        return JSONResponse(progress(session(token)))

    @router.delete("/up/{token}")
    async def cancel_upload(token: str, request: Request) -> Response:
        check_host(request)
        session(token)
        del state.uploads[token]
        return Response(status_code=204)

    @router.put("/up/{token}")
    async def upload_fragment(token: str, request: Request) -> Response:
        check_host(request)
        upload = session(token)
        add_fragment(upload, request.headers.get("content-range", ""), await request.body())
        if len(upload.data) < (upload.total or 0) or upload.defer:
            return JSONResponse(progress(upload), 202)
        return finish(token, upload)

    @router.post("/up/{token}")
    async def commit_upload(token: str, request: Request) -> Response:
        check_host(request)
        upload = session(token)
        if upload.total is None or len(upload.data) < upload.total:
            raise GraphFault(400, "invalidRequest", "Not all bytes are there.", inner="uploadSessionIncomplete")
        return finish(token, upload)

    def session(token: str) -> Upload:
        found = state.uploads.get(token)
        if found is None:
            raise GraphFault(404, "itemNotFound", "The session has ended.", inner="uploadSessionNotFound")
        return found

    def finish(token: str, upload: Upload) -> Response:
        item, is_new = upload.drive.put_file(upload.name, bytes(upload.data), upload.parent, conflict=upload.conflict)
        del state.uploads[token]
        return JSONResponse(upload.drive.render(item), 201 if is_new else 200)

    return router


def check_host(request: Request) -> None:
    """Raises 401 where a token is sent, and 404 under the name of Graph itself."""
    if request.url.hostname != CONTENT_HOST:
        raise GraphFault(404, "itemNotFound", "There is no such host.")
    if "authorization" in request.headers:
        raise GraphFault(401, "unauthenticated", "This address takes no token.")


def progress(upload: Upload) -> dict[str, object]:
    return {"expirationDateTime": upload.end, "nextExpectedRanges": [f"{len(upload.data)}-"]}


def add_fragment(upload: Upload, content_range: str, data: bytes) -> None:
    """Raises 400 for a fragment that does not fit, 413 for one that is too large, 416 for one that is there already."""
    match = _RANGE.fullmatch(content_range)
    if match is None:
        raise GraphFault(400, "invalidRequest", "Content-Range is missing or not valid.")
    start, end, total = (int(each) for each in match.groups())
    if len(data) > MAX_REQUEST:
        raise GraphFault(413, "invalidRequest", "The fragment is too large.")
    if len(data) != end - start + 1 or not data:
        raise GraphFault(400, "invalidRequest", "The length is not that of the range.", inner="fragmentLengthMismatch")
    if upload.total not in {None, total} or end >= total:
        raise GraphFault(400, "invalidRequest", "The total is another one.", inner="fragmentLengthMismatch")
    if start < len(upload.data):
        raise GraphFault(416, "invalidRange", "The fragment is there.", inner="fragmentOverlap")
    if start > len(upload.data):
        raise GraphFault(416, "invalidRange", "Fragments come in order.", inner="fragmentOutOfOrder")
    if end + 1 < total and len(data) % FRAGMENT:
        raise GraphFault(400, "invalidRequest", "Fragments are multiples of 320 KiB.")
    upload.total = total
    upload.data += data


def ranged(content: bytes, wanted: str | None) -> Response:
    """The bytes, or the part that a Range asks for."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if match is None or int(match[1]) >= len(content):
        return Response(content, media_type="application/octet-stream")
    start, end = int(match[1]), min(int(match[2] or len(content)), len(content) - 1)
    headers = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
    return Response(content[start : end + 1], 206, headers=headers, media_type="application/octet-stream")
