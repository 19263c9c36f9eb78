"""Pagination by cursor. Pages stay the same while rows are added, and the last page is as fast as the first."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from lightbox_shared.errors import InvalidRequest

Row = TypeVar("Row")
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for at most `limit` rows behind the one with the id `after`, in the order of the list."""

    limit: int
    after: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of a page, and the cursor of the next one if there is one."""

    rows: Sequence[Row]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Sequence[Row], request: PageRequest, row_id: Callable[[Row], int]) -> "Page[Row]":
        """Make a page of `rows`, for which `limit + 1` were selected: an additional row means that there is a next
        page."""
        shown = rows[: request.limit]
        return cls(shown, encode_cursor(row_id(shown[-1])) if len(rows) > request.limit else None)


def encode_cursor(row_id: int) -> str:
    """The cursor behind a row. It is opaque, so that clients do not rely on its content."""
    return base64.urlsafe_b64encode(f"v1:{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """The row id in a cursor. Raises `InvalidRequest` for a text that `encode_cursor` did not make."""
    try:
        version, _, row_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if version == "v1" and row_id.isascii() and row_id.isdigit() and int(row_id) < 2**63:
            return int(row_id)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidRequest.of("cursor", "This is not a cursor of this list.")


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on the page, at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the page before; absent for the first page.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, None if cursor is None else decode_cursor(cursor))


PageQuery = Annotated[PageRequest, Depends(_page_request)]
