"""Pages by cursor: stable while rows are added, and as fast on the last page as on the first."""

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
    """At most `limit` rows after the row whose id is `after`, in the order of the list."""

    limit: int
    after: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows, and the cursor of the next page if there is one."""

    rows: Sequence[Row]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: Sequence[Row], request: PageRequest, row_id: Callable[[Row], int]) -> "Page[Row]":
        """From `limit + 1` rows: the one too many says that there is a next page."""
        shown = rows[: request.limit]
        return cls(shown, encode_cursor(row_id(shown[-1])) if len(rows) > request.limit else None)


def encode_cursor(row_id: int) -> str:
    """Opaque, so that nobody builds on what is inside."""
    return base64.urlsafe_b64encode(f"v1:{row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Raises `InvalidRequest` for anything that `encode_cursor` did not make."""
    try:
        version, _, row_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        if version == "v1" and row_id.isascii() and row_id.isdigit() and int(row_id) < 2**63:
            return int(row_id)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidRequest.of("cursor", "This is not a cursor of this list.")


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> PageRequest:
    return PageRequest(limit, None if cursor is None else decode_cursor(cursor))


PageQuery = Annotated[PageRequest, Depends(_page_request)]
