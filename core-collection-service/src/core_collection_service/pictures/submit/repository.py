"""The statements that add pictures. An added picture is counted for its device and announced in the same transaction,
and where room was reserved for it, that is settled. A picture whose reservation has been released is not added, since
no request would count it: its client has gone, or the service stops.

Rows and devices are written in one order by every statement, so that two writers never wait for each other in a circle.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core_collection_service.pictures.models import NewPicture, PictureKey, PictureRecord
from core_collection_service.pictures.repository import RECORD, RECORD_COLUMNS, instant

ADDED_CHANNEL: Final = "pictures"
"""PostgreSQL notifies here about pictures that were added; a payload is a list of their ids, separated by commas."""

# One statement, and so one transaction and one round trip, for any number of pictures.
_ADD: Final = text(f"""
WITH held AS (
    SELECT id FROM anonymous_reservations WHERE id = ANY(CAST(:reservation_id AS bigint[])) ORDER BY id FOR UPDATE
), sent AS (
    SELECT collection, device_id, {instant("taken_at")} AS taken_at, media_type, width, height, size, sha256, encoding,
           stored_size, data, object_key, anonymous_bytes, place
      FROM unnest(
        CAST(:collection AS text[]), CAST(:device_id AS text[]), CAST(:taken_at AS timestamptz[]),
        CAST(:media_type AS text[]), CAST(:width AS integer[]), CAST(:height AS integer[]), CAST(:size AS bigint[]),
        CAST(:sha256 AS bytea[]), CAST(:encoding AS text[]), CAST(:stored_size AS bigint[]), CAST(:data AS bytea[]),
        CAST(:object_key AS bytea[]), CAST(:anonymous_bytes AS bigint[]), CAST(:reservation_id AS bigint[])
    ) WITH ORDINALITY AS row (collection, device_id, taken_at, media_type, width, height, size, sha256, encoding,
                              stored_size, data, object_key, anonymous_bytes, reservation_id, place)
     WHERE reservation_id IS NULL OR reservation_id IN (SELECT id FROM held)
), added AS (
    INSERT INTO pictures (collection, device_id, taken_at, media_type, width, height, size, sha256, encoding,
                          stored_size, data, object_key, anonymous_bytes)
    SELECT collection, device_id, taken_at, media_type, width, height, size, sha256, encoding, stored_size, data,
           object_key, anonymous_bytes
      FROM sent ORDER BY collection COLLATE "C", device_id COLLATE "C", taken_at, place
    ON CONFLICT (collection, device_id, taken_at) DO NOTHING
    RETURNING {RECORD}
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
), reserved AS (
    SELECT DISTINCT ON (collection, device_id, taken_at) collection, device_id, taken_at, id
      FROM (
        SELECT collection, device_id, {instant("taken_at")} AS taken_at, id, place
          FROM unnest(
            CAST(:collection AS text[]), CAST(:device_id AS text[]), CAST(:taken_at AS timestamptz[]),
            CAST(:reservation_id AS bigint[])
        ) WITH ORDINALITY AS row (collection, device_id, taken_at, id, place)
         WHERE id IN (SELECT id FROM held)
      ) AS row ORDER BY collection, device_id, taken_at, place
), settled AS (
    DELETE FROM anonymous_reservations USING added
      JOIN reserved ON reserved.collection = added.collection COLLATE "C"
       AND reserved.device_id = added.device_id COLLATE "C" AND reserved.taken_at = added.taken_at
     WHERE anonymous_reservations.id = reserved.id
), announced AS (
    SELECT pg_notify('{ADDED_CHANNEL}', string_agg(CAST(id AS text), ',' ORDER BY id)) FROM added HAVING count(*) > 0
)
SELECT added.*, (SELECT count(*) FROM announced) FROM added
""")  # noqa: S608 - made of constants

_EXISTING: Final = text(f"""
SELECT {", ".join(f"pictures.{column.key}" for column in RECORD_COLUMNS)}
  FROM pictures
  JOIN unnest(CAST(:collection AS text[]), CAST(:device_id AS text[]), CAST(:taken_at AS timestamptz[]))
       AS wanted (collection, device_id, taken_at)
    ON pictures.collection = wanted.collection COLLATE "C" AND pictures.device_id = wanted.device_id COLLATE "C"
   AND pictures.taken_at = {instant("wanted.taken_at")}
""")  # noqa: S608 - made of constants

_FIELDS: Final = tuple(NewPicture.__dataclass_fields__)


async def add(connection: AsyncConnection, rows: Sequence[NewPicture]) -> list[PictureRecord]:
    """Add those pictures whose keys are not there yet, and return them; of two with the same key the first is added.
    Those are left out whose reservation is gone. It is one statement, so one transaction on a connection of
    `Database.autocommit`."""
    columns = {name: [getattr(row, name) for row in rows] for name in _FIELDS}
    return [PictureRecord(*row[:-1]) for row in await connection.execute(_ADD, columns)]


async def existing(connection: AsyncConnection, keys: Sequence[PictureKey]) -> list[PictureRecord]:
    """The pictures that have one of these keys."""
    columns = {name: [getattr(key, name) for key in keys] for name in PictureKey._fields}
    return [PictureRecord(*row) for row in await connection.execute(_EXISTING, columns)]
