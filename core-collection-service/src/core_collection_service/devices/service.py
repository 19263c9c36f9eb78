"""Lists of devices, by collection and id, in pages with cursors; only those of collections that are configured."""

from collections.abc import Collection

from core_collection_service.devices import repository
from core_collection_service.devices.models import Device
from core_collection_service.devices.repository import Position
from core_collection_service.errors import InvalidCursor
from core_collection_service.protocol.cursors import NotACursor, opened_text, sealed_text
from lightbox_shared.database import Database
from lightbox_shared.responses.pagination import Page


class Devices:
    """Reads devices, each page in a session of its own. Safe to use from many tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, collections: Collection[str], limit: int, cursor: str | None) -> Page[Device]:
        """The devices of these collections. Raises `InvalidCursor`."""
        names = sorted(collections)
        after = None if cursor is None else _position(cursor, names)
        found: list[Device] = []
        async with self._database.reading() as session:
            # One collection after the other, since PostgreSQL would sort the devices of several.
            for name in names:
                if (after is None or name >= after.collection) and len(found) <= limit:
                    start = after.device_id if after is not None and name == after.collection else None
                    found += await repository.by_name(session, name, start, limit + 1 - len(found))
        shown = found[:limit]
        if len(found) <= limit:
            return Page(shown, None)
        position = Position(shown[-1].collection, shown[-1].device_id)
        return Page(shown, sealed_text(position, "devices", *names))


def _position(cursor: str, names: list[str]) -> Position:
    try:
        position = Position(*opened_text(cursor, 2, "devices", *names))
    except NotACursor as error:
        raise InvalidCursor from error
    if position.collection not in names:
        raise InvalidCursor
    return position
