"""The queries on what visitors see: groups that have pictures, and their pictures."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, exists, func, literal, select
from sqlalchemy.orm import aliased

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures.models import Picture
from lightbox_shared.database import ReadSession

_ABOVE: Final = aliased(Group)
_BELOW: Final = aliased(Group)


class GroupRow(NamedTuple):
    """A group, and what is around it as far as the visitor sees it."""

    group: Group
    cover: Picture
    parent: int | None
    subgroups: int


class Neighbours(NamedTuple):
    """The ids of the pictures before and behind one in its group."""

    previous: int | None
    next: int | None


async def groups(
    session: ReadSession,
    only: Collection[int] | None,
    *,
    after: float,
    parent: int | None,
    text: str | None,
    limit: int,
) -> Sequence[GroupRow]:
    """Groups behind a position, in their order: those below `parent`, or for 0 those without a group above them that
    the visitor sees. `only` are the numbers of the groups that the visitor may see, None for all."""
    statement = _shown(only).where(Group.position > after)
    if parent:
        statement = statement.where(Group.parent_id == parent)
    elif parent is not None:
        statement = statement.where(~exists().where(_ABOVE.id == Group.parent_id, *_seen(_ABOVE, only)))
    if text:
        written = func.concat_ws(" ", Group.title, Group.caption, type_=Text)
        folded = func.strpos(func.gallery_folded(written), func.gallery_folded(literal(text, Text)))
        statement = statement.where(folded > 0)
    rows = await session.execute(statement.order_by(Group.position, Group.id).limit(limit))
    return [GroupRow(*row) for row in rows]


async def group(session: ReadSession, only: Collection[int] | None, group_id: int) -> GroupRow | None:
    """One group; None if the visitor does not see it."""
    row = (await session.execute(_shown(only).where(Group.id == group_id))).one_or_none()
    return None if row is None else GroupRow(*row)


async def neighbours(session: ReadSession, picture: Picture) -> Neighbours:
    """Which pictures are beside one in its group."""
    mine = select(Picture.id).where(Picture.group_id == picture.group_id).limit(1)
    before = mine.where(Picture.position < picture.position).order_by(Picture.position.desc(), Picture.id.desc())
    behind = mine.where(Picture.position > picture.position).order_by(Picture.position, Picture.id)
    return Neighbours(await session.scalar(before), await session.scalar(behind))


def _shown(only: Collection[int] | None) -> Select[Group, Picture, int | None, int]:
    chosen = select(Picture.id).where(Picture.id == Group.cover_id, Picture.group_id == Group.id).correlate(Group)
    first = select(Picture.id).where(Picture.group_id == Group.id).correlate(Group)
    first = first.order_by(Picture.position, Picture.id).limit(1)
    cover = func.coalesce(chosen.scalar_subquery(), first.scalar_subquery())
    parent = select(_ABOVE.id).where(_ABOVE.id == Group.parent_id, *_seen(_ABOVE, only)).scalar_subquery()
    below = select(func.count()).select_from(_BELOW).where(_BELOW.parent_id == Group.id, *_seen(_BELOW, only))
    statement = select(Group, Picture, parent, below.correlate(Group).scalar_subquery())
    return statement.join(Picture, Picture.id == cover).where(*_seen(Group, only))


def _seen(of: type[Group], only: Collection[int] | None) -> list[ColumnElement[bool]]:
    """What is true of the groups that the visitor sees."""
    return [of.picture_count > 0] if only is None else [of.picture_count > 0, of.id.in_(only)]
