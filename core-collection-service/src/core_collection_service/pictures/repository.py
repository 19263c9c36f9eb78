"""All SQL about pictures, and about devices where it is changed together with pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from core_collection_service.devices.models import Device
from core_collection_service.orm import FIRST_INSTANT, LAST_INSTANT
from core_collection_service.pictures.models import Picture
from lightbox_shared.database import Statements, WriteSession

GONE: Final = "pictures_gone"
"""Where PostgreSQL tells that pictures were deleted, without saying which."""
LARGEST_AT_ONCE: Final = 1024 * 1024
"""Above so many bytes, pictures are read and sent in pieces."""
CHANNEL: Final = "pictures"
"""Where PostgreSQL tells of pictures that are kept: a payload is a list of ids, separated by commas."""


class Key(NamedTuple):
    """What makes a picture the one that it is."""

    collection: str
    device_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A row to be."""

    collection: str
    device_id: str
    taken_at: datetime
    media_type: str
    width: int
    height: int
    size: int
    sha256: bytes
    encoding: str | None
    stored_size: int
    data: bytes | None
    object_key: bytes | None

    @property
    def key(self) -> Key:
        """By which it is found."""
        return Key(self.collection, self.device_id, self.taken_at)


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A picture without its bytes."""

    id: int
    collection: str
    device_id: str
    taken_at: datetime
    received_at: datetime
    media_type: str
    width: int
    height: int
    size: int
    sha256: bytes
    encoding: str | None
    stored_size: int

    @property
    def key(self) -> Key:
        """By which it is found."""
        return Key(self.collection, self.device_id, self.taken_at)


RECORD: Final[tuple[InstrumentedAttribute[Any], ...]] = (
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
"""The columns of a `PictureRecord`, in its order."""

_KNOWN: Final = ", ".join(column.key for column in RECORD)

_INSTANT: Final = f"least(greatest(taken_at, {FIRST_INSTANT}), {LAST_INSTANT})"  # as in `orm.Instant`

# One statement is one transaction and one round trip for any number of pictures. Rows and devices are written in one
# order by everybody, so that two writers never wait for each other in a circle.
_ADD: Final = text(f"""
WITH sent AS (
    SELECT collection, device_id, {_INSTANT} AS taken_at, media_type, width, height, size, sha256, encoding,
           stored_size, data, object_key
      FROM unnest(
        CAST(:collection AS text[]), CAST(:device_id AS text[]), CAST(:taken_at AS timestamptz[]),
        CAST(:media_type AS text[]), CAST(:width AS integer[]), CAST(:height AS integer[]), CAST(:size AS bigint[]),
        CAST(:sha256 AS bytea[]), CAST(:encoding AS text[]), CAST(:stored_size AS bigint[]), CAST(:data AS bytea[]),
        CAST(:object_key AS bytea[])
    ) AS row (collection, device_id, taken_at, media_type, width, height, size, sha256, encoding, stored_size, data,
              object_key)
), added AS (
    INSERT INTO pictures (collection, device_id, taken_at, media_type, width, height, size, sha256, encoding,
                          stored_size, data, object_key)
    SELECT * FROM sent ORDER BY collection COLLATE "C", device_id COLLATE "C", taken_at
    ON CONFLICT (collection, device_id, taken_at) DO NOTHING
    RETURNING {_KNOWN}
), counted AS (
    INSERT INTO devices (collection, device_id, pictures, bytes, stored_bytes, first_taken_at, last_taken_at,
                         first_seen_at, last_seen_at)
    SELECT collection, device_id, count(*), sum(size), sum(stored_size), min(taken_at), max(taken_at),
           min(received_at), max(received_at)
      FROM added GROUP BY collection, device_id ORDER BY collection, device_id
    ON CONFLICT (collection, device_id) DO UPDATE SET
        pictures = devices.pictures + excluded.pictures,
        bytes = devices.bytes + excluded.bytes,
        stored_bytes = devices.stored_bytes + excluded.stored_bytes,
        first_taken_at = least(devices.first_taken_at, excluded.first_taken_at),
        last_taken_at = greatest(devices.last_taken_at, excluded.last_taken_at),
        last_seen_at = greatest(devices.last_seen_at, excluded.last_seen_at)
), told AS (
    SELECT pg_notify('{CHANNEL}', string_agg(CAST(id AS text), ',' ORDER BY id)) FROM added HAVING count(*) > 0
)
SELECT added.*, (SELECT count(*) FROM told) FROM added
""")  # noqa: S608 - made of constants

_EXISTING: Final = text(f"""
SELECT {", ".join(f"pictures.{column.key}" for column in RECORD)}
  FROM pictures
  JOIN unnest(CAST(:collection AS text[]), CAST(:device_id AS text[]), CAST(:taken_at AS timestamptz[]))
       AS asked (collection, device_id, taken_at)
    ON pictures.collection = asked.collection COLLATE "C" AND pictures.device_id = asked.device_id COLLATE "C"
   AND pictures.taken_at = {_INSTANT.replace("taken_at", "asked.taken_at")}
""")  # noqa: S608 - made of constants

# What is asked all the time is written out: SQLAlchemy takes longer to put such a statement together than PostgreSQL to
# answer it.
_AT: Final = f"""
 WHERE collection = :collection AND device_id = :device_id
   AND taken_at = {_INSTANT.replace("taken_at", "CAST(:taken_at AS timestamptz)")}
"""
_FIND: Final = text(f"SELECT {_KNOWN} FROM pictures {_AT}")  # noqa: S608 - made of constants, as those below
_FIND_WITH_BYTES: Final = text(f"""
SELECT {_KNOWN}, CASE WHEN stored_size <= {LARGEST_AT_ONCE} THEN data END AS data, object_key FROM pictures {_AT}
""")  # noqa: S608
_FIND_BY_ID: Final = text(f"SELECT {_KNOWN} FROM pictures WHERE id = :id AND collection = :collection")  # noqa: S608
_LATEST: Final = text(f"""
SELECT {_KNOWN} FROM pictures WHERE collection = :collection AND device_id = :device_id ORDER BY taken_at DESC LIMIT 1
""")  # noqa: S608
_STORED_PART: Final = text("""
SELECT substr(data, CAST(:start AS integer) + 1, CAST(:size AS integer)) AS data, object_key
  FROM pictures WHERE id = :id
""")
_STORED_BYTES: Final = text("SELECT data, object_key FROM pictures WHERE id = :id")
_STORED_BYTES_OF: Final = text("SELECT id, data, object_key FROM pictures WHERE id = ANY(CAST(:ids AS bigint[]))")

_FIELDS: Final = tuple(NewPicture.__dataclass_fields__)


async def add(connection: AsyncConnection, rows: Sequence[NewPicture]) -> list[PictureRecord]:
    """Keep pictures, count them for their devices, and tell whoever listens, all in one transaction if each statement
    of `connection` is one; returns those that were not there. Of two with the same key one is kept."""
    columns = {name: [getattr(row, name) for row in rows] for name in _FIELDS}
    return [PictureRecord(*row[:-1]) for row in await connection.execute(_ADD, columns)]


async def existing(connection: AsyncConnection, keys: Sequence[Key]) -> list[PictureRecord]:
    """Those pictures with one of these keys that are there."""
    columns = {name: [getattr(key, name) for key in keys] for name in Key._fields}
    return [PictureRecord(*row) for row in await connection.execute(_EXISTING, columns)]


async def find(statements: Statements, key: Key) -> PictureRecord | None:
    """The picture of a device at an instant."""
    return _record((await statements.execute(_FIND, key._asdict())).one_or_none())


async def find_by_id(statements: Statements, collection: str, picture_id: int) -> PictureRecord | None:
    """A picture of this collection by its id."""
    found = await statements.execute(_FIND_BY_ID, {"collection": collection, "id": picture_id})
    return _record(found.one_or_none())


async def latest(statements: Statements, collection: str, device_id: str) -> PictureRecord | None:
    """The picture of a device that was taken last."""
    found = await statements.execute(_LATEST, {"collection": collection, "device_id": device_id})
    return _record(found.one_or_none())


class StoredBytes(NamedTuple):
    """Where the bytes of a picture are: exactly one of the two."""

    data: bytes | None
    object_key: bytes | None


async def find_with_bytes(statements: Statements, key: Key) -> tuple[PictureRecord, StoredBytes] | None:
    """The picture of a device at an instant, with its bytes; above `LARGEST_AT_ONCE` without those in the row."""
    found = (await statements.execute(_FIND_WITH_BYTES, key._asdict())).one_or_none()
    return None if found is None else (PictureRecord(*found[:-2]), StoredBytes(*found[-2:]))


async def stored_bytes(statements: Statements, picture_id: int) -> StoredBytes | None:
    """The bytes of a picture as they are stored; None if it is gone."""
    found = (await statements.execute(_STORED_BYTES, {"id": picture_id})).one_or_none()
    return None if found is None else StoredBytes(*found)


async def stored_bytes_of(statements: Statements, picture_ids: Sequence[int]) -> dict[int, StoredBytes]:
    """The same of many pictures, by id; those that are gone are not in it."""
    found = await statements.execute(_STORED_BYTES_OF, {"ids": picture_ids})
    return {row.id: StoredBytes(row.data, row.object_key) for row in found}


async def stored_part(statements: Statements, picture_id: int, start: int, size: int) -> StoredBytes | None:
    """The same with `size` bytes from `start` on alone, where they are in the row."""
    found = (await statements.execute(_STORED_PART, {"id": picture_id, "start": start, "size": size})).one_or_none()
    return None if found is None else StoredBytes(*found)


class Removed(NamedTuple):
    """Deleted rows: how many, how much, and what is left to delete in the object store when that is durable."""

    pictures: int
    size: int
    object_keys: list[bytes]


async def remove(session: WriteSession, collection: str, device_id: str, picture_ids: Sequence[int]) -> Removed:
    """Delete pictures of one device, and count it anew.

    The device's row is locked first: whoever adds a picture writes that row last, so that neither overlooks the other.
    """
    device = (Device.collection == collection, Device.device_id == device_id)
    mine = (Picture.collection == collection, Picture.device_id == device_id)
    # Where there is no row there is nothing to lock, and nothing to delete: whoever waited here for the one who deleted
    # the last picture must not take away the row of a picture that came meanwhile.
    if (await session.execute(select(Device.device_id).where(*device).with_for_update())).one_or_none() is None:
        return Removed(0, 0, [])
    gone = await session.execute(
        delete(Picture)
        .where(*mine, Picture.id.in_(picture_ids))
        .returning(Picture.size, Picture.stored_size, Picture.object_key)
    )
    rows = gone.all()
    count, size, stored = len(rows), sum(row.size for row in rows), sum(row.stored_size for row in rows)
    span = select(func.min(Picture.taken_at), func.max(Picture.taken_at)).where(*mine)
    first, last = cast("tuple[datetime | None, datetime | None]", (await session.execute(span)).one())
    if first is None:
        await session.execute(delete(Device).where(*device))
    elif count:
        await session.execute(
            update(Device)
            .where(*device)
            .values(
                pictures=Device.pictures - count,
                bytes=Device.bytes - size,
                stored_bytes=Device.stored_bytes - stored,
                first_taken_at=first,
                last_taken_at=last,
            )
        )
    if count:
        await session.execute(select(func.pg_notify(GONE, "")))
    return Removed(count, size, [row.object_key for row in rows if row.object_key is not None])


def _record(row: Sequence[Any] | None) -> PictureRecord | None:
    return None if row is None else PictureRecord(*row)
