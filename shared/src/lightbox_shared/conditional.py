"""Answers with an entity tag (RFC 9110 sections 8.8.3 and 13.1.2)."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response


def etag_matches(header: str | None, etag: str) -> bool:
    """Whether `If-None-Match` names the (unquoted) tag; the comparison is the weak one."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or f'"{etag}"' in tags


def bytes_response(
    request: Request, data: bytes, media_type: str, *, etag: str, headers: Mapping[str, str]
) -> Response:
    """`data`, or 304 where the client has it already."""
    common = {"ETag": f'"{etag}"', "X-Content-Type-Options": "nosniff", **headers}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    return Response(data, media_type=media_type, headers=common)
