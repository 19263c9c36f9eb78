"""The queries of the feed: which pictures have an id above a given one, and which transactions are adding some."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select, text

from core_collection_service.orm import written_limit
from core_collection_service.pictures.models import Picture
from core_collection_service.pictures.repository import RECORD_COLUMNS
from lightbox_shared.database import ReadSession

# A transaction that adds or deletes pictures holds this lock until its end.
_WRITERS: Final = text("""
SELECT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
   AND relation = CAST('pictures' AS regclass)
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


def by_id(after: int, up_to: int | None, limit: int | None) -> Select[tuple[Any, ...]]:
    """Pictures of all collections whose ids are greater than `after` and at most `up_to`, in the order of their ids."""
    statement = select(*RECORD_COLUMNS).where(Picture.id > after).order_by(Picture.id)
    if up_to is not None:
        statement = statement.where(Picture.id <= up_to)
    return statement if limit is None else statement.limit(written_limit(limit))


def of_topic(statement: Select[tuple[Any, ...]], collection: str, device_id: str | None) -> Select[tuple[Any, ...]]:
    """The same statement for the pictures of one collection, or of one device there."""
    statement = statement.where(Picture.collection == collection)
    return statement if device_id is None else statement.where(Picture.device_id == device_id)


async def greatest_id(session: ReadSession) -> int:
    """The id of the picture that was added last; 0 if there is none."""
    return await session.scalar(select(func.coalesce(func.max(Picture.id), 0))) or 0


async def writers(session: ReadSession) -> frozenset[str]:
    """The transactions that change pictures at this moment. An id that was given out before belongs to one of these, to
    a picture that can be read, or to no picture at all."""
    rows: Sequence[str] = (await session.scalars(_WRITERS)).all()
    return frozenset(rows)


async def probe(driver_connection: Any, timeout_seconds: float) -> None:  # noqa: ANN401 - asyncpg has no types
    """Check that a connection of the driver still is one. Raises what the driver raises, and `TimeoutError`."""
    await driver_connection.execute("SELECT 1", timeout=timeout_seconds)
