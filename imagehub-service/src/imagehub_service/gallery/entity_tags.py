"""Optimistic locking: a change may name the version that it is about (`If-Match`), and is refused if there is another
one. What changes by itself, such as the number of pictures in a group, makes no new version, so answers are not
validated by these tags (`If-None-Match`)."""

from typing import Protocol

from fastapi import Request, Response

from lightbox_shared.conditional import refuse_outdated


class Versioned(Protocol):
    """A row whose changes are counted."""

    @property
    def id(self) -> int: ...

    @property
    def version(self) -> int: ...


def etag_of(row: Versioned) -> str:
    """The entity tag of a row, without quotes."""
    return f"{row.id}-{row.version}"


def tag(response: Response, row: Versioned) -> None:
    """Send the entity tag of a row with a response."""
    response.headers["ETag"] = f'"{etag_of(row)}"'
    response.headers["Cache-Control"] = "private, no-store"


def check_version(request: Request, row: Versioned) -> None:
    """Raise `PreconditionFailed` if the request is about another version of the row."""
    refuse_outdated(request, etag_of(row))
