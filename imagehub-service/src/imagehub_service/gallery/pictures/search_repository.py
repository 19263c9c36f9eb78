"""The queries that find pictures.

Parts of words are found by their trigrams (migration 0006); a word of one or two characters is looked for in all
pictures, newest first: a tenth of a second with 100,000 of them where there is none, and a millisecond where it is
frequent. Similar pictures are found by comparing all difference hashes, which takes about as long.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import BIT

from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.database import ReadSession
from lightbox_shared.requests.periods import ALWAYS, Period

HASH_BITS: Final = 64
_ID_BITS: Final = 55
"""Of a picture's id in a cursor, above which is its distance. The ids are given out one after the other."""


@dataclass(frozen=True, slots=True)
class PictureFilter:
    """Which pictures are wanted; None for all."""

    text: str | None = None
    tags: Sequence[str] = ()
    group: int | None = None
    added: Period = ALWAYS
    """When they were added."""
    sha256: bytes | None = None
    media_type: str | None = None
    only: Collection[int] | None = None
    """The numbers of the groups that may be seen."""


class Found(NamedTuple):
    """A picture that was found."""

    picture: Picture
    distance: int | None
    """From the picture that it has to be similar to."""


class CountedTag(NamedTuple):
    """A tag in its most frequent spelling, and how many pictures have it."""

    tag: str
    pictures: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """What the pictures have to be similar to."""

    picture_id: int
    difference_hash: int
    distance: int
    """Bits of the hashes, at most, that are not the same."""


def _conditions(wanted: PictureFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        folded = func.gallery_folded(literal(wanted.text, Text))
        if len(wanted.text) > 2:
            found.append(Picture.trigrams.contains(func.gallery_trigrams(folded, type_=ARRAY(Text))))
        found.append(func.strpos(Picture.searched, folded) > 0)
    if wanted.tags:
        tags = literal(list(wanted.tags), ARRAY(Text))
        found.append(Picture.folded_tags.contains(func.gallery_folded_tags(tags, type_=ARRAY(Text))))
    if wanted.group is not None:
        found.append(Picture.group_id == wanted.group)
    if wanted.added.begin is not None:
        found.append(Picture.created_at >= wanted.added.begin)
    if wanted.added.end is not None:
        found.append(Picture.created_at < wanted.added.end)
    if wanted.sha256 is not None:
        found.append(Picture.sha256 == wanted.sha256)
    if wanted.media_type is not None:
        found.append(Picture.media_type == wanted.media_type)
    if wanted.only is not None:
        found.append(Picture.group_id.in_(wanted.only))
    return found


async def newest(session: ReadSession, wanted: PictureFilter, *, after: int | None, limit: int) -> Sequence[Found]:
    """Pictures before the one with the id `after`, newest first."""
    statement = select(Picture).where(*_conditions(wanted))
    if after is not None:
        statement = statement.where(Picture.id < after)
    return [Found(row, None) for row in await session.scalars(statement.order_by(Picture.id.desc()).limit(limit))]


async def in_order(session: ReadSession, wanted: PictureFilter, *, after: float, limit: int) -> Sequence[Found]:
    """Pictures of the filter's group behind a position, in the order of the group."""
    statement = select(Picture).where(*_conditions(wanted), Picture.position > after)
    ordered = statement.order_by(Picture.position, Picture.id).limit(limit)
    return [Found(row, None) for row in await session.scalars(ordered)]


async def similar(
    session: ReadSession, wanted: PictureFilter, like: Likeness, *, after: int | None, limit: int
) -> Sequence[Found]:
    """Pictures that are similar to one, without itself, the nearest first, each with its distance."""
    differing = cast(Picture.difference_hash.op("#")(literal(like.difference_hash, BigInteger)), BIT(HASH_BITS))
    distance = func.bit_count(differing)
    statement: Select[Any] = select(Picture, distance.label("distance")).where(
        *_conditions(wanted), Picture.id != like.picture_id, distance <= like.distance
    )
    if after is not None:
        behind = tuple_(literal(after >> _ID_BITS, BigInteger), literal(after & (2**_ID_BITS - 1), BigInteger))
        statement = statement.where(tuple_(distance, Picture.id) > behind)
    rows = await session.execute(statement.order_by(distance, Picture.id).limit(limit))
    return [Found(row[0], row[1]) for row in rows]


def place_of(found: Found) -> int:
    """The number of a cursor behind a picture of `similar`."""
    return ((found.distance or 0) << _ID_BITS) | found.picture.id


async def tag_counts(session: ReadSession, *, beginning: str | None, skip: int, limit: int) -> Sequence[CountedTag]:
    """The tags of all pictures, the most frequent first."""
    each = func.unnest(Picture.folded_tags, Picture.tags).table_valued(column("folded", Text), column("tag", Text))
    each = each.render_derived()
    count = func.count()
    spelling = func.mode().within_group(each.c.tag)
    statement = select(spelling, count).select_from(Picture).join(each, literal(value=True)).group_by(each.c.folded)
    if beginning:
        statement = statement.where(func.starts_with(each.c.folded, func.gallery_folded(literal(beginning, Text))))
    statement = statement.order_by(count.desc(), each.c.folded).offset(skip).limit(limit)
    return [CountedTag(row[0], row[1]) for row in await session.execute(statement)]
