"""The queries that find duplicates."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.database import ReadSession


class Equal(NamedTuple):
    """Pictures with the same bytes."""

    oldest: int
    """The id of the oldest one."""
    pictures: int
    """How many there are."""
    sha256: bytes


async def hashes(session: ReadSession) -> tuple[bytes, bytes]:
    """The ids and the difference hashes of all pictures, ordered by id, 64 bits each with the highest byte first.

    One value each, since to read 100,000 rows would keep the event loop busy for long.
    """

    def joined(column: InstrumentedAttribute[int]) -> ColumnElement[bytes]:
        sent = func.int8send(column, type_=LargeBinary)
        return func.string_agg(sent, aggregate_order_by(literal(b"", LargeBinary), Picture.id), type_=LargeBinary)

    row = (await session.execute(select(joined(Picture.id), joined(Picture.difference_hash)))).one()
    return row[0] or b"", row[1] or b""


async def equal(session: ReadSession, *, after: int, limit: int) -> Sequence[Equal]:
    """Groups of pictures with the same bytes, those with the oldest picture first, whose id is behind `after`."""
    oldest = func.min(Picture.id)
    statement = (
        select(oldest.label("oldest"), func.count().label("pictures"), Picture.sha256)
        .group_by(Picture.sha256)
        .having(func.count() > 1, oldest > after)
        .order_by(oldest)
        .limit(limit)
    )
    return [Equal(*row) for row in await session.execute(statement)]


async def with_bytes(session: ReadSession, digests: Collection[bytes], *, each: int) -> Sequence[Picture]:
    """The pictures with these bytes, at most `each` of one kind, the oldest first."""
    place = func.row_number().over(partition_by=Picture.sha256, order_by=Picture.id)
    numbered = select(Picture.id, place.label("place")).where(Picture.sha256.in_(digests)).subquery()
    statement = select(Picture).join(numbered, numbered.c.id == Picture.id).where(numbered.c.place <= each)
    return (await session.scalars(statement.order_by(Picture.id))).all()


async def pictures(session: ReadSession, picture_ids: Collection[int]) -> Sequence[Picture]:
    """Those of the pictures that exist, by id."""
    statement = select(Picture).where(Picture.id.in_(picture_ids)).order_by(Picture.id)
    return (await session.scalars(statement)).all()
