"""Rows of pictures, for tests to which the bytes do not matter."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from core_collection_service.pictures.models import NewPicture
from lightbox_shared.database import Database

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)

_FILL = text("""
WITH made AS (
    INSERT INTO pictures (collection, device_id, taken_at, media_type, width, height, size, sha256, stored_size, data)
    SELECT :collection, 'camera-' || lpad((n % :devices)::text, 4, '0'),
           CAST(:start AS timestamptz) + n * interval '1 second', 'image/png', 20, 20, 3, sha256('png'), 3, 'png'
      FROM generate_series(1, :count) AS n
    RETURNING collection, device_id, taken_at, size
)
INSERT INTO devices
SELECT collection, device_id, count(*), sum(size), sum(size), min(taken_at), max(taken_at), now(), now()
  FROM made GROUP BY collection, device_id
""")


def row(number: int = 0, *, device: str = "12345", collection: str = "images") -> NewPicture:
    """A row of a picture that was taken `number` seconds after `AT`."""
    return NewPicture(
        collection=collection,
        device_id=device,
        taken_at=AT + timedelta(seconds=number),
        media_type="image/png",
        width=20,
        height=20,
        size=7,
        sha256=b"." * 32,
        encoding=None,
        stored_size=7,
        data=b"picture",
        object_key=None,
    )


async def fill(database: Database, count: int, *, devices: int, collection: str = "images") -> None:
    """Add `count` rows, one for each second after `AT`, of the devices `camera-0000` and so on in turn."""
    async with database.writing() as session:
        await session.execute(_FILL, {"collection": collection, "devices": devices, "start": AT, "count": count})
    async with database.autocommit() as connection:
        await connection.execute(text("ANALYZE pictures, devices"))
