"""The queries for single pictures, and the parts of statements that other repositories of pictures share.

Statements that run with nearly every request are written out as text: SQLAlchemy takes longer to construct such a
statement than PostgreSQL to answer it.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, text
from sqlalchemy.orm import InstrumentedAttribute

from core_collection_service.orm import FIRST_INSTANT, LAST_INSTANT
from core_collection_service.pictures.models import Picture, PictureKey, PictureRecord
from lightbox_shared.database import ReadSession, Statements

RECORD_COLUMNS: Final[tuple[InstrumentedAttribute[Any], ...]] = (
    Picture.id,
    Picture.collection,
    Picture.device_id,
    Picture.taken_at,
    Picture.received_at,
    Picture.media_type,
    Picture.width,
    Picture.height,
    Picture.size,
    Picture.sha256,
    Picture.encoding,
    Picture.stored_size,
)
"""The columns of a `PictureRecord`, in the order of its fields."""


def instant(expression: str) -> str:
    """SQL for a `timestamptz` between the first and the last instant that Python knows, as `orm.Instant` has it."""
    return f"least(greatest({expression}, {FIRST_INSTANT}), {LAST_INSTANT})"


RECORD: Final = ", ".join(column.key for column in RECORD_COLUMNS)
"""The same columns, for statements that are written out."""
WITH_KEY: Final = f"""
 WHERE collection = :collection AND device_id = :device_id AND taken_at = {instant("CAST(:taken_at AS timestamptz)")}
"""
"""The condition that one row satisfies; the parameters are the fields of a `PictureKey`."""

_FIND: Final = text(f"SELECT {RECORD} FROM pictures {WITH_KEY}")  # noqa: S608 - made of constants, as those below
_FIND_BY_ID: Final = text(f"SELECT {RECORD} FROM pictures WHERE id = :id AND collection = :collection")  # noqa: S608
_LATEST: Final = text(f"""
SELECT {RECORD} FROM pictures WHERE collection = :collection AND device_id = :device_id ORDER BY taken_at DESC LIMIT 1
""")  # noqa: S608


async def find(statements: Statements, key: PictureKey) -> PictureRecord | None:
    """The picture that a device has taken at an instant."""
    return _record((await statements.execute(_FIND, key._asdict())).one_or_none())


async def find_by_id(statements: Statements, collection: str, picture_id: int) -> PictureRecord | None:
    """A picture of this collection by its id."""
    found = await statements.execute(_FIND_BY_ID, {"collection": collection, "id": picture_id})
    return _record(found.one_or_none())


async def latest(statements: Statements, collection: str, device_id: str) -> PictureRecord | None:
    """The picture of a device with the latest timestamp."""
    found = await statements.execute(_LATEST, {"collection": collection, "device_id": device_id})
    return _record(found.one_or_none())


async def fetch(session: ReadSession, statement: Select[tuple[Any, ...]]) -> list[PictureRecord]:
    """The pictures that a statement finds whose columns are `RECORD_COLUMNS`."""
    return [PictureRecord(*row) for row in await session.execute(statement)]


def _record(row: Sequence[Any] | None) -> PictureRecord | None:
    return None if row is None else PictureRecord(*row)
