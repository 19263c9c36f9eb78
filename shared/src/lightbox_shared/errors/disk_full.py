"""A full disk, wherever it is noticed: by this process, by PostgreSQL, or by the object store.

PostgreSQL says SQLSTATE 53100 (`disk_full`) for every file that it can't write. If that is its log (WAL) it also ends
all connections, and starts again by itself: that is an outage (`lightbox_shared.errors.handlers`), and no full disk.
"""

import errno
from collections.abc import Iterator
from typing import Final

from asyncpg.exceptions import DiskFullError
from sqlalchemy.exc import DBAPIError

from lightbox_shared.errors import InsufficientStorage

RETRY_AFTER_SECONDS: Final = 30
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFull(InsufficientStorage):
    """A disk of the server is full, or nearly full. The client may try again: room is made by an administrator."""

    default_detail = "The server has no room left to store this. Please try again later."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception, or one that caused it, says that there is no room, or no room for this user (EDQUOT)."""
    return any(
        isinstance(each, DiskFullError | DiskFull) or (isinstance(each, OSError) and each.errno in _NO_ROOM)
        for each in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = (error.orig if isinstance(error, DBAPIError) else None) or error.__cause__
