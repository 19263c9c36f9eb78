"""The queries behind the gallery's pages. Those that run for most requests take one statement without a session."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.numbers import can_be_picture
from imagehub_service.gallery.pictures.models import Picture, Size, SmallPicture
from imagehub_service.gallery.revisions.models import Revision
from imagehub_service.gallery.revisions.repository import GalleryRevision
from lightbox_shared.requests.parameters import LARGEST_ROW_ID

_SHOWN: Final = Group.picture_count > 0
_LINKED: Final = (Picture.id, Picture.width, Picture.height, Picture.thumbhash)
_SMALL: Final = (SmallPicture.media_type.label("small_type"), SmallPicture.data.label("small"))


class Order(NamedTuple):
    """The groups that visitors see, in their order."""

    revision: int
    """The counter of orders, of the same moment."""
    group_ids: Sequence[int]


async def revision(connection: AsyncConnection) -> GalleryRevision:
    """The counters at this moment."""
    return GalleryRevision(*(await connection.execute(select(Revision.contents, Revision.order))).one())


async def order(connection: AsyncConnection) -> Order:
    """All groups that have pictures, as one value, which the driver reads fast: 100,000 numbers take some 30 ms."""
    ids = select(func.array_agg(aggregate_order_by(Group.id, Group.position, Group.id))).where(_SHOWN)
    row = (await connection.execute(select(Revision.order, ids.scalar_subquery()))).one()
    return Order(row[0], row[1] or ())


async def order_among(connection: AsyncConnection, group_ids: Collection[int]) -> Sequence[int]:
    """Those of the groups that have pictures, in their order."""
    statement = select(Group.id).where(_SHOWN, Group.id.in_(group_ids)).order_by(Group.position, Group.id)
    return (await connection.execute(statement)).scalars().all()


async def covers(connection: AsyncConnection, group_ids: Sequence[int]) -> list[Row[*tuple[Any, ...]]]:
    """The pictures that stand for these groups, in low resolution and in the order of the groups."""
    cover = select(Picture.id).where(Picture.id == Group.cover_id, Picture.group_id == Group.id).correlate(Group)
    first = select(Picture.id).where(Picture.group_id == Group.id).correlate(Group)
    first = first.order_by(Picture.position, Picture.id).limit(1)
    chosen = func.coalesce(cover.scalar_subquery(), first.scalar_subquery())
    columns = (
        Group.id.label("group_id"),
        Group.title,
        Group.caption,
        Picture.image_id,
        Picture.name,
        *_LINKED,
        *_SMALL,
    )
    statement = (
        select(*columns)
        .select_from(Group)
        .join(Picture, Picture.id == chosen)
        .join(SmallPicture, (SmallPicture.picture_id == Picture.id) & (SmallPicture.size == Size.LOW))
        .where(Group.id.in_(group_ids))
    )
    places = {group_id: place for place, group_id in enumerate(group_ids)}
    return sorted(await connection.execute(statement), key=lambda row: places[row.group_id])


class WholePicture(NamedTuple):
    """What a whole picture is read by."""

    name: str
    sha256: bytes
    preview_sha256: bytes | None
    media_type: str
    size: int


class GroupState(NamedTuple):
    """What says whether the pictures of a group are still those that a client has."""

    contents: int
    created_at: float
    """Of the group, which tells databases apart."""


async def group_state(connection: AsyncConnection, group_id: int) -> GroupState | None:
    """None if there is no such group, or it has no pictures."""
    if not 1 <= group_id <= LARGEST_ROW_ID:
        return None
    created = func.extract("epoch", Group.created_at)
    contents = select(Revision.contents).scalar_subquery()
    statement = select(contents, created).where(Group.id == group_id, _SHOWN)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else GroupState(row[0], float(row[1]))


async def group_pictures(
    connection: AsyncConnection, group_id: int, after: tuple[float, int] | None, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Pictures of a group in low resolution, in their order, behind the one with this position and id."""
    columns = (Picture.image_id, Picture.name, Picture.title, Picture.caption, Picture.position, *_LINKED, *_SMALL)
    statement = (
        select(*columns)
        .join(SmallPicture, (SmallPicture.picture_id == Picture.id) & (SmallPicture.size == Size.LOW))
        .where(Picture.group_id == group_id)
        .order_by(Picture.position, Picture.id)
        .limit(limit)
    )
    if after is not None:
        position, picture_id = after
        is_behind = (Picture.position > position) | ((Picture.position == position) & (Picture.id > picture_id))
        statement = statement.where(Picture.position >= position, is_behind)
    return (await connection.execute(statement)).all()


async def picture(
    connection: AsyncConnection, group_id: int, image_id: int | None, size: Size
) -> Row[*tuple[Any, ...]] | None:
    """A picture in one of the two sizes, by default the first one of the group."""
    if not can_be_picture(group_id, 1 if image_id is None else image_id):
        return None
    statement = (
        select(Picture.image_id, Picture.name, Picture.title, Picture.caption, *_LINKED, *_SMALL)
        .join(SmallPicture, (SmallPicture.picture_id == Picture.id) & (SmallPicture.size == size))
        .where(Picture.group_id == group_id)
        .order_by(Picture.position, Picture.id)
        .limit(1)
    )
    if image_id is not None:
        statement = statement.where(Picture.image_id == image_id)
    return (await connection.execute(statement)).one_or_none()


async def whole(connection: AsyncConnection, group_id: int, image_id: int) -> WholePicture | None:
    """Where the whole picture is."""
    if not can_be_picture(group_id, image_id):
        return None
    columns = (Picture.name, Picture.sha256, Picture.preview_sha256, Picture.media_type, Picture.size)
    statement = select(*columns).where(Picture.group_id == group_id, Picture.image_id == image_id)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else WholePicture(*row)
