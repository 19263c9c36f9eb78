"""The statements on pictures that are shown."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, any_, literal, select

from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.database import ReadSession


class Place(NamedTuple):
    """A picture and the group that it is in."""

    picture_id: int
    group_id: int


async def find(session: ReadSession, picture_id: int) -> Picture | None:
    """The picture with this id."""
    return await session.get(Picture, picture_id)


async def places(session: ReadSession, picture_ids: Collection[int]) -> set[Place]:
    """Where those of these pictures are that exist."""
    ids = literal(list(picture_ids), ARRAY(BigInteger))  # one parameter, however many there are
    statement = select(Picture.id, Picture.group_id).where(Picture.id == any_(ids))
    return {Place(*row) for row in await session.execute(statement)}
