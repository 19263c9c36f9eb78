"""Optimistic locking: rows with versions, and the entity tags of these. A change may name the version that it is about
(`If-Match`), and is refused if there is another one."""

from typing import Annotated, Protocol

from fastapi import Depends, Request

from lightbox_shared.responses.conditional import PreconditionFailed, names_another


class Versioned(Protocol):
    """A row whose changes are counted."""

    @property
    def id(self) -> int: ...

    @property
    def version(self) -> int: ...


def etag_of(row: Versioned) -> str:
    """The entity tag of a row, without quotes."""
    return f"{row.id}-{row.version}"


async def _if_match(request: Request) -> str | None:
    return request.headers.get("if-match")


IfMatch = Annotated[str | None, Depends(_if_match)]
"""The version that a change is about, as the client names it; None for any."""


def check_version(expected: str | None, row: Versioned) -> None:
    """Raise `PreconditionFailed` if `expected`, the value of `If-Match`, names another version of the row."""
    if names_another(expected, etag_of(row)):
        raise PreconditionFailed
