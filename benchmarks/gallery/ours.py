"""The gallery of a platform, filled with groups, and small pictures to fill it with."""

import asyncio
import base64
from io import BytesIO
from typing import Final

import asyncpg
import numpy as np
from PIL import Image, ImageFilter

from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox_shared.installation import service_named

SERVICE: Final = "imagehub-service"
DATABASE: Final = service_named(SERVICE).database
THUMBNAIL: Final = (180, 115)
KINDS: Final = 64
"""How many different thumbnails there are; groups take them in turn."""

FILL: Final = """
BEGIN;
CREATE TEMPORARY TABLE thumbnails (number int, data bytea) ON COMMIT DROP;
INSERT INTO thumbnails VALUES {thumbnails};
INSERT INTO blobs (sha256, size, data) SELECT sha256(data), length(data), data FROM thumbnails ON CONFLICT DO NOTHING;
INSERT INTO groups (id, position, next_image_id, picture_count)
SELECT n, n, 2, 1 FROM generate_series(1, {groups}) AS n;
WITH added AS (
  INSERT INTO pictures (group_id, image_id, position, name, folder_name, sha256, media_type, width, height, size,
                        thumbhash, difference_hash, drive, drive_item_id, added_by)
  SELECT n, 1, 1, 'picture-' || n || '.jpg', 'bench', sha256(data), 'image/jpeg', 4000, 3000, length(data),
         substring(sha256(data) for 24), n, 'built-in', 'item-' || n, 2
    FROM generate_series(1, {groups}) AS n JOIN thumbnails ON number = n % {kinds}
  RETURNING id, group_id
)
INSERT INTO small_pictures (picture_id, size, media_type, data)
SELECT id, 'low', 'image/jpeg', data FROM added JOIN thumbnails ON number = group_id % {kinds};
UPDATE gallery_revisions SET contents = contents + 1, "order" = "order" + 1, next_group = {groups} + 1;
COMMIT;
"""


def photograph(number: int, width: int, height: int, quality: int = 85) -> bytes:
    """A JPEG with details of all sizes, as photographs have them. Each `number` gives another one."""
    random = np.random.default_rng(number)
    image = Image.new("RGB", (width, height))
    for side in (8, 32, 128, 512):
        noise = random.integers(0, 255, (side * 3 // 4, side, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        image = layer if side == 8 else Image.blend(image, layer, 0.35)
    buffer = BytesIO()
    image.filter(ImageFilter.SHARPEN).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def thumbnails() -> list[bytes]:
    """JPEGs in the size of a page's pictures."""
    return [photograph(number, *THUMBNAIL) for number in range(KINDS)]


def fill(platform: Platform, groups: int) -> None:
    """Insert groups with one picture each. Raises `BenchmarkError` without a database server."""
    postgres = server_of(platform)
    named = enumerate(base64.b64encode(data).decode() for data in thumbnails())
    rows = ", ".join(f"({number}, decode('{data}', 'base64'))" for number, data in named)
    statements = FILL.format(thumbnails=rows, groups=groups, kinds=KINDS)
    asyncio.run(_execute(postgres.url(DATABASE, user=DATABASE), statements))
    postgres.sql("VACUUM ANALYZE", DATABASE)


async def _execute(url: str, statements: str) -> None:
    """Execute statements that are too long for a command line."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
