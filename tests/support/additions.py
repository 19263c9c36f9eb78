"""What the tests of additions share: lists of pictures, and what must hold for the gallery at all times."""

import base64
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image
from sqlalchemy import text

from lightbox_shared.database import Database
from support.pictures import encoded

FOLDER = "01TX4ZA735SY5SYKPEY5HJ7XW6CC2FUBRY"


def image_list(*files: tuple[str, str], group: Any = -1, folder: str = FOLDER, name: str = "System") -> dict[str, Any]:
    """The body of `/admin/add/image` with one folder; `files` are names with ids."""
    entries = [{"file_name": file_name, "file_id": file_id} for file_name, file_id in files]
    return {"image_list": {folder: {"all_image_id": entries, "group": group, "folder_name": name}}}


def coloured(number: int, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG of one colour, which tells it apart."""
    colour = number % 256, number // 256 % 256, 128
    return encoded(Image.new("RGB", size, colour), "PNG")


def colour_of(data_url: str) -> tuple[int, ...]:
    """The colour in the middle of a picture in a data URL."""
    head, _, data = data_url.partition(",")
    assert head.startswith("data:image/")
    assert head.endswith(";base64")
    image = Image.open(BytesIO(base64.b64decode(data, validate=True))).convert("RGB")
    found = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return tuple(int(each) for each in found)


class Kept(NamedTuple):
    """A picture of the gallery."""

    group_id: int
    image_id: int
    name: str


async def gallery_of(database: Database) -> list[Kept]:
    """All pictures by their numbers. Checks what must always hold."""
    async with database.reading() as session:
        await _check(session)
        found = await session.execute(text("SELECT group_id, image_id, name FROM pictures ORDER BY group_id, image_id"))
        return [Kept(*row) for row in found]


async def _check(session: Any) -> None:
    """Counters equal rows, every picture has its sizes and blobs, and an addition's counts equal its items'."""
    for what, query in {
        "counters of groups": """
            SELECT g.id FROM groups g LEFT JOIN pictures p ON p.group_id = g.id GROUP BY g.id
            HAVING g.picture_count <> count(p.id) OR g.next_image_id <= coalesce(max(p.image_id), 0)""",
        "covers": """
            SELECT g.id FROM groups g LEFT JOIN pictures p ON p.id = g.cover_id AND p.group_id = g.id
            WHERE g.cover_id IS NOT NULL AND p.id IS NULL""",
        "numbers of groups": "SELECT id FROM groups WHERE id >= (SELECT next_group FROM gallery_revisions)",
        "small pictures": """
            SELECT p.id FROM pictures p LEFT JOIN small_pictures s ON s.picture_id = p.id
            GROUP BY p.id HAVING count(s.size) <> 2""",
        "small pictures of none": """
            SELECT picture_id FROM small_pictures WHERE picture_id NOT IN (SELECT id FROM pictures)""",
        "blobs": """
            SELECT p.id FROM pictures p LEFT JOIN blobs b ON b.sha256 = p.sha256
            LEFT JOIN blobs v ON v.sha256 = p.preview_sha256
            WHERE b.sha256 IS NULL OR (p.preview_sha256 IS NOT NULL AND v.sha256 IS NULL)""",
        "counts of additions": """
            SELECT a.id FROM additions a LEFT JOIN addition_items i ON i.addition_id = a.id GROUP BY a.id
            HAVING a.added <> count(*) FILTER (WHERE i.state = 'added')
            OR a.failed <> count(*) FILTER (WHERE i.state = 'failed') OR a.total <> count(*)""",
        "additions that are done": """
            SELECT a.id FROM additions a JOIN addition_items i ON i.addition_id = a.id
            WHERE a.state = 'done' AND i.state = 'pending'""",
        "two pictures of one item": """
            SELECT picture_id FROM addition_items WHERE picture_id IS NOT NULL
            GROUP BY picture_id HAVING count(*) > 1""",
    }.items():
        wrong = (await session.execute(text(query))).all()
        assert not wrong, f"{what}: {wrong}"
