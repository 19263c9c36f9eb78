"""The queries for the bytes of pictures."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import text

from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.repository import RECORD, WITH_KEY
from lightbox_shared.database import Statements

LARGEST_AT_ONCE: Final = 1024 * 1024
"""Pictures of more bytes are read and sent in chunks."""

_FIND_WITH_BYTES: Final = text(f"""
SELECT {RECORD}, CASE WHEN stored_size <= {LARGEST_AT_ONCE} THEN data END AS data, object_key FROM pictures {WITH_KEY}
""")  # noqa: S608 - made of constants
_STORED_PART: Final = text("""
SELECT substr(data, CAST(:start AS integer) + 1, CAST(:size AS integer)) AS data, object_key
  FROM pictures WHERE id = :id
""")
_STORED_BYTES: Final = text("SELECT data, object_key FROM pictures WHERE id = :id")
_STORED_BYTES_OF: Final = text("SELECT id, data, object_key FROM pictures WHERE id = ANY(CAST(:ids AS bigint[]))")


class StoredBytes(NamedTuple):
    """Where the bytes of a picture are; exactly one of the two is not None."""

    data: bytes | None
    object_key: bytes | None


async def find_with_bytes(statements: Statements, key: PictureKey) -> tuple[PictureRecord, StoredBytes] | None:
    """The picture that a device has taken at an instant, and its bytes. Those in a row are left out above
    `LARGEST_AT_ONCE`."""
    found = (await statements.execute(_FIND_WITH_BYTES, key._asdict())).one_or_none()
    return None if found is None else (PictureRecord(*found[:-2]), StoredBytes(*found[-2:]))


async def stored_bytes(statements: Statements, picture_id: int) -> StoredBytes | None:
    """The bytes of a picture; None if it has been deleted."""
    found = (await statements.execute(_STORED_BYTES, {"id": picture_id})).one_or_none()
    return None if found is None else StoredBytes(*found)


async def stored_bytes_of(statements: Statements, picture_ids: Sequence[int]) -> dict[int, StoredBytes]:
    """The bytes of many pictures, by id, without those that have been deleted."""
    found = await statements.execute(_STORED_BYTES_OF, {"ids": picture_ids})
    return {row.id: StoredBytes(row.data, row.object_key) for row in found}


async def stored_part(statements: Statements, picture_id: int, start: int, size: int) -> StoredBytes | None:
    """`size` of the bytes of a picture from `start` on, if they are in the row; None if it has been deleted."""
    found = (await statements.execute(_STORED_PART, {"id": picture_id, "start": start, "size": size})).one_or_none()
    return None if found is None else StoredBytes(*found)
