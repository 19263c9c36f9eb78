"""The answer with one row that has a version: images, jobs and labels."""

from datetime import datetime
from typing import Protocol

from fastapi import Request, Response

from lightbox_shared.responses.hal import Resource, hal_response
from lightbox_shared.responses.versioned import Versioned, etag_of


class VersionedResource(Versioned, Protocol):
    """A row that also knows when it was changed."""

    @property
    def modified_at(self) -> datetime: ...


def versioned_response(
    request: Request, row: VersionedResource, body: Resource, path: str, *, status: int = 200
) -> Response:
    """A response with `body`, which describes `row`, and with its entity tag; after a change also with its path."""
    own = {"ETag": f'"{etag_of(row)}"'}
    if request.method != "GET":
        own["Location"] = path
    return hal_response(request, body, status=status, modified=row.modified_at, headers=own)
