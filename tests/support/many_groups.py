"""A gallery of many groups, each with one picture, put into the database at once: adding them takes minutes."""

import asyncio
from typing import Final

import asyncpg

from imagehub_service.renditions.preparing import prepare_picture
from lightbox.run.platform import Platform
from lightbox_shared.installation import service_named
from support import pictures

GROUPS: Final = 1000
KINDS: Final = 8
"""How many different pictures there are; groups take them in turn."""
DATABASE: Final = service_named("imagehub-service").database
_BLOB: Final = "INSERT INTO blobs (sha256, size, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_GROUPS: Final = """
WITH taken AS (
  UPDATE gallery_revisions SET contents = contents + 1, "order" = "order" + 1, next_group = next_group + $1
  RETURNING next_group - $1 AS first
)
INSERT INTO groups (id, position, title, next_image_id, picture_count)
SELECT first + n, first + n, 'Group ' || n, 2, 1 FROM taken, generate_series(0, $1 - 1) AS n
RETURNING id
"""
_PICTURES: Final = """
INSERT INTO pictures (group_id, image_id, position, name, folder_name, sha256, media_type, width, height, size,
                      thumbhash, difference_hash, drive, drive_item_id, added_by)
SELECT id, 1, 1, 'picture-' || id || '.png', 'Many', $2, 'image/png', $3, $4, $5, $6, $7, 'built-in', 'item', 2
  FROM unnest($1::bigint[]) AS id
"""


def fill(platform: Platform) -> None:
    """Add the groups behind all others."""
    assert platform.postgres is not None
    asyncio.run(_fill(platform.postgres.url(DATABASE, user=DATABASE)))


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            ids = [row["id"] for row in await connection.fetch(_GROUPS, GROUPS)]
            for kind in range(KINDS):
                data = pictures.png(240 + 20 * kind, 180)
                made = prepare_picture(data, max_pixels=1_000_000)
                await connection.execute(_BLOB, made.sha256, len(data), data)
                shape = made.width, made.height, len(data), made.thumbhash, made.difference_hash
                await connection.execute(_PICTURES, ids[kind::KINDS], made.sha256, *shape)
    finally:
        await connection.close()
