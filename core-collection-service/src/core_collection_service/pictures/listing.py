"""Lists of pictures: by time, and the newest of each device. Pages by cursor, so that a picture that arrives between
two pages moves nothing.

A cursor has the limits of its list in it: the next page needs nothing beside the cursor and the device, and limits that
are given with it have to be the same. Over CoAP a query option has 255 bytes (RFC 7252 section 5.10): cursors of the
newest pictures, which have a device's id in them, fit into it with ids of up to 170 bytes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core_collection_service.pictures import list_repository
from core_collection_service.pictures.errors import InvalidField, NotOfThisList
from core_collection_service.pictures.list_repository import Span
from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.protocol.cursors import NotACursor, opened, opened_text, sealed, sealed_text
from lightbox_shared.database import Database
from lightbox_shared.pagination import DEFAULT_LIMIT, MAX_LIMIT, Page

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Listing", "Listings"]

_POSITION: Final = struct.Struct(">qqqq")
_NONE: Final = -(2**63)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked: pictures of a collection, or of one device there, from `start` on and before `end`."""

    collection: str
    device_id: str | None
    start: datetime | None
    end: datetime | None
    limit: int
    cursor: str | None


class Listings:
    """Reads lists. Safe to use from many tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, asked: Listing) -> Page[PictureRecord]:
        """Newest first, by the timestamps of the devices and then by id. Raises `InvalidField` for a cursor of another
        list."""
        names = _list_name("time", asked.collection, asked.device_id)
        start, end, before = asked.start, asked.end, None
        if asked.cursor is not None:
            start, end, before = _continued(asked, asked.cursor, names)
        span = Span(asked.collection, asked.device_id, start, end, before)
        statement = list_repository.newest_first(span, asked.limit + 1)
        async with self._database.reading() as session:
            rows = await list_repository.records(session, statement)
        shown = rows[: asked.limit]
        if len(rows) <= asked.limit:
            return Page(shown, None)
        last = shown[-1]
        position = _POSITION.pack(_ticks(start), _ticks(end), _ticks(last.taken_at), last.id)
        return Page(shown, sealed(position, *names))

    async def newest(
        self, collection: str, device_id: str | None, limit: int, cursor: str | None, *, max_bytes: int | None = None
    ) -> Page[PictureRecord]:
        """The newest picture of each device, or of one, by device. A page ends before its pictures together have more
        than `max_bytes`, and has at least one. Raises `InvalidField` for a cursor of another list."""
        names = _list_name("newest", collection, device_id)
        after = None if cursor is None else _device(cursor, names)
        statement = list_repository.newest_of_each(collection, device_id, after, limit + 1)
        async with self._database.reading() as session:
            rows = await list_repository.records(session, statement)
        shown = rows[: min(limit, _fitting(rows, max_bytes))]
        more = len(rows) > len(shown)
        return Page(shown, sealed_text([shown[-1].device_id], *names) if more else None)

    @staticmethod
    def continues_newest(collection: str, device_id: str | None, cursor: str) -> bool:
        """Whether the cursor is one of `newest`, with the same arguments."""
        try:
            opened(cursor, *_list_name("newest", collection, device_id))
        except NotACursor:
            return False
        return True


def _list_name(kind: str, collection: str, device_id: str | None) -> tuple[str, ...]:
    return (kind, collection) if device_id is None else (kind, collection, device_id)


def _device(cursor: str, names: tuple[str, ...]) -> str:
    try:
        (device_id,) = opened_text(cursor, 1, *names)
    except NotACursor as error:
        raise NotOfThisList from error
    return device_id


def _continued(
    asked: Listing, cursor: str, names: tuple[str, ...]
) -> tuple[datetime | None, datetime | None, tuple[datetime, int]]:
    try:
        start, end, taken_at, picture_id = _POSITION.unpack(opened(cursor, *names))
        span = _instant(start), _instant(end), (_EPOCH + taken_at * _MICROSECOND, picture_id)
    except (NotACursor, struct.error, OverflowError) as error:
        raise NotOfThisList from error
    for name, given, had in (("from", asked.start, start), ("to", asked.end, end)):
        if given is not None and _ticks(given) != had:
            raise InvalidField(name, "The cursor is of a list with other limits.", "query")
    return span


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
    return _NONE if instant is None else (instant - _EPOCH) // _MICROSECOND


def _instant(ticks: int) -> datetime | None:
    return None if ticks == _NONE else _EPOCH + ticks * _MICROSECOND
