"""The answer with one row that has a version: images, jobs and labels."""

from datetime import datetime
from typing import Protocol

from fastapi import Request, Response

from lightbox_shared.hal import Resource, hal_response


class Versioned(Protocol):
    """A row whose changes are counted."""

    @property
    def id(self) -> int: ...

    @property
    def version(self) -> int: ...

    @property
    def modified_at(self) -> datetime: ...


def etag_of(row: Versioned) -> str:
    """The entity tag of a row, without quotes."""
    return f"{row.id}-{row.version}"


def versioned_response(request: Request, row: Versioned, body: Resource, path: str, *, status: int = 200) -> Response:
    """A response with `body`, which describes `row`, and with its entity tag; after a change also with its path."""
    own = {"ETag": f'"{etag_of(row)}"'}
    if request.method != "GET":
        own["Location"] = path
    return hal_response(request, body, status=status, modified=row.modified_at, headers=own)
