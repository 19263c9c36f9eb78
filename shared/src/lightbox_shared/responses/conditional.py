"""Responses with validators (RFC 9110 section 8.8), conditional requests (section 13) and byte ranges (section 14).

Known limits: a request for several ranges gets the complete content, which section 14.2 allows; so does one with a date
in `If-Range`, since every response here has an entity tag that a client can use instead.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from lightbox_shared.errors import LightboxError

_READS: Final = frozenset({"GET", "HEAD"})
_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)


class PreconditionFailed(LightboxError):
    """The stored representation is not the one that the precondition of the request names."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition-failed"
    default_detail = "What is stored is not what the request is about."


class RangeNotSatisfiable(LightboxError):
    """The range begins behind the end of the content. `Content-Range` tells the client its size."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "range-not-satisfiable"
    default_detail = "Range: It begins behind the end."

    def __init__(self, size: int) -> None:
        super().__init__(headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})


def etag_matches(header: str | None, etag: str) -> bool:
    """Whether the value of `If-None-Match` names `etag`, given without quotes, by weak comparison (section 8.8.3.2)."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or f'"{etag}"' in tags


def names_another(header: str | None, etag: str) -> bool:
    """Whether the value of `If-Match` names another representation than `etag`, given without quotes, by strong
    comparison (RFC 9110 section 13.1.1)."""
    return header is not None and not {"*", f'"{etag}"'} & {tag.strip() for tag in header.split(",")}


def is_outdated(request: Request, etag: str) -> bool:
    """Whether the client wants to change what is not there any more: `If-Match` `names_another`."""
    return names_another(request.headers.get("if-match"), etag)


def refuse_outdated(request: Request, etag: str) -> None:
    """Raise `PreconditionFailed` if the client wants to change what is not there any more (`is_outdated`)."""
    if is_outdated(request, etag):
        raise PreconditionFailed


def is_unchanged(request: Request, etag: str, modified: datetime) -> bool:
    """Whether the client has the current representation, so that the response is 304.

    Preconditions are evaluated in the order of RFC 9110 section 13.2.2. Raises `PreconditionFailed`.
    """
    headers = request.headers
    seen = headers.get("if-none-match")
    if "if-match" in headers:
        if is_outdated(request, etag):
            raise PreconditionFailed
    elif not _is_not_after(modified, headers.get("if-unmodified-since"), default=True):
        raise PreconditionFailed
    if seen is not None:
        if not etag_matches(seen, etag):
            return False
        if request.method not in _READS:
            raise PreconditionFailed
        return True
    return request.method in _READS and _is_not_after(modified, headers.get("if-modified-since"), default=False)


def byte_range(request: Request, size: int, etag: str) -> range | None:
    """The positions of the requested bytes in a content of `size` bytes, or None for all of it.

    None is returned for a request without `Range`, with one that can't be parsed, or with an `If-Range` that names
    another entity tag than `etag`. Raises `RangeNotSatisfiable`.
    """
    header, known = request.headers.get("range"), request.headers.get("if-range")
    if header is None or request.method != "GET" or (known is not None and known.strip() != f'"{etag}"'):
        return None
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        last = int(found[2])
        start, end = max(size - last, 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return range(start, end)


def bytes_response(
    request: Request, data: bytes, media_type: str, *, etag: str, headers: Mapping[str, str]
) -> Response:
    """A response with `data`, or 304 where `If-None-Match` names `etag`."""
    common = {"ETag": f'"{etag}"', "X-Content-Type-Options": "nosniff", **headers}
    if etag_matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=common)
    return Response(data, media_type=media_type, headers=common)


def _is_not_after(modified: datetime, header: str | None, *, default: bool) -> bool:
    """Whether `modified` is not later than the date in a header, to the second; `default` without a valid date."""
    if header is None:
        return default
    try:
        limit = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return default
    if limit.tzinfo is None:
        limit = limit.replace(tzinfo=UTC)  # "-0000" means UTC (RFC 5322 section 3.3)
    return modified.replace(microsecond=0) <= limit
