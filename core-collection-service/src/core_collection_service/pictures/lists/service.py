"""Lists of pictures: by time, and the newest picture of each device. They have pages with cursors, so that a picture
that arrives between two pages moves nothing.

A cursor contains the limits of its list: the next page needs nothing but the cursor and the device, and limits that are
given with it have to be the same. Over CoAP a query option has at most 255 bytes (RFC 7252 section 5.10); a cursor of
the newest pictures, which contains a device id, fits into it for ids of up to 170 bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core_collection_service.errors import InvalidCursor, InvalidField
from core_collection_service.pictures.lists.repository import Span, newest_first, newest_of_each
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.repository import fetch
from core_collection_service.protocol.cursors import NotACursor, opened, opened_text, sealed, sealed_text
from lightbox_shared.database import Database
from lightbox_shared.responses.pagination import Page

_POSITION: Final = struct.Struct(">qqqq")
"""The limits of the list and the time of the last picture, in microseconds since 1970, and its id."""
_NO_LIMIT: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ListByTime:
    """The pictures of a collection, or of one device there, that were taken at `start` or later and before `end`;
    newest first, by timestamp and then by id."""

    collection: str
    device_id: str | None
    start: datetime | None
    end: datetime | None
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class NewestOfEach:
    """The newest picture of each device of a collection, or of one device, in the order of the device ids."""

    collection: str
    device_id: str | None
    limit: int
    cursor: str | None


class PictureLists:
    """Reads lists, each page in a session of its own. Safe to use from many tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_time(self, wanted: ListByTime) -> Page[PictureRecord]:
        """A page of a list. Raises `InvalidCursor`, and `InvalidField` for limits that are not those of the cursor."""
        names = _list_name("time", wanted.collection, wanted.device_id)
        start, end, before = wanted.start, wanted.end, None
        if wanted.cursor is not None:
            start, end, before = _continued(wanted, wanted.cursor, names)
        span = Span(wanted.collection, wanted.device_id, start, end, before)
        async with self._database.reading() as session:
            rows = await fetch(session, newest_first(span, wanted.limit + 1))
        shown = rows[: wanted.limit]
        if len(rows) <= wanted.limit:
            return Page(shown, None)
        last = shown[-1]
        position = _POSITION.pack(_ticks(start), _ticks(end), _ticks(last.taken_at), last.id)
        return Page(shown, sealed(position, *names))

    async def newest(self, wanted: NewestOfEach, *, max_bytes: int | None = None) -> Page[PictureRecord]:
        """A page of a list. It has at least one picture if there is one, and ends before its originals together have
        more than `max_bytes`. Raises `InvalidCursor`."""
        collection, device_id, limit, cursor = wanted.collection, wanted.device_id, wanted.limit, wanted.cursor
        names = _list_name("newest", collection, device_id)
        after = None if cursor is None else _last_device(cursor, names)
        async with self._database.reading() as session:
            rows = await fetch(session, newest_of_each(collection, device_id, after, limit + 1))
        shown = rows[: min(limit, _fitting(rows, max_bytes))]
        more = len(rows) > len(shown)
        return Page(shown, sealed_text([shown[-1].device_id], *names) if more else None)


def continues_newest(collection: str, device_id: str | None, cursor: str) -> bool:
    """Whether a cursor is one of a `NewestOfEach` of this collection and device, and not of a `ListByTime`."""
    try:
        opened(cursor, *_list_name("newest", collection, device_id))
    except NotACursor:
        return False
    return True


def _list_name(kind: str, collection: str, device_id: str | None) -> tuple[str, ...]:
    return (kind, collection) if device_id is None else (kind, collection, device_id)


def _last_device(cursor: str, names: tuple[str, ...]) -> str:
    try:
        (device_id,) = opened_text(cursor, 1, *names)
    except NotACursor as error:
        raise InvalidCursor from error
    return device_id


def _continued(
    wanted: ListByTime, cursor: str, names: tuple[str, ...]
) -> tuple[datetime | None, datetime | None, tuple[datetime, int]]:
    """The limits of the list, and the position of the last picture, out of a cursor."""
    try:
        start, end, taken_at, picture_id = _POSITION.unpack(opened(cursor, *names))
        found = _instant(start), _instant(end), (_EPOCH + taken_at * _MICROSECOND, picture_id)
    except (NotACursor, struct.error, OverflowError) as error:
        raise InvalidCursor from error
    for name, given, of_cursor in (("from", wanted.start, start), ("to", wanted.end, end)):
        if given is not None and _ticks(given) != of_cursor:
            raise InvalidField(name, "The cursor is of a list with other limits.", "query")
    return found


def _fitting(rows: Sequence[PictureRecord], max_bytes: int | None) -> int:
    """How many of the first rows have at most `max_bytes` together; at least one."""
    if max_bytes is None:
        return len(rows)
    size = 0
    for number, row in enumerate(rows):
        size += row.size
        if size > max_bytes and number:
            return number
    return len(rows)


def _ticks(instant: datetime | None) -> int:
    return _NO_LIMIT if instant is None else (instant - _EPOCH) // _MICROSECOND


def _instant(ticks: int) -> datetime | None:
    return None if ticks == _NO_LIMIT else _EPOCH + ticks * _MICROSECOND
