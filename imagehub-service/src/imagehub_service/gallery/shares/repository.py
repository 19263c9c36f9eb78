"""The queries on shared links."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.shares.models import Share
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

Session = ReadSession | WriteSession


async def add(session: WriteSession, values: Mapping[str, Any]) -> Share | None:
    """Make a link; None if there is no such group any more."""
    group = select(Group.id).where(Group.id == values["group_id"]).with_for_update(read=True, key_share=True)
    if await session.scalar(group) is None:
        return None
    return (await session.execute(insert(Share).values(values).returning(Share))).scalar_one()


async def find(session: Session, share_id: int) -> Share | None:
    """One link."""
    return await session.get(Share, share_id)


async def with_secret(session: Session, digest: bytes) -> Share | None:
    """The link with a secret of this SHA-256."""
    return (await session.scalars(select(Share).where(Share.secret_sha256 == digest))).one_or_none()


async def page(session: Session, page: PageRequest, group_id: int | None) -> Sequence[Share]:
    """Links, newest first, and one more if there is a next page; those of one group, if it is given."""
    statement = select(Share).order_by(Share.id.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(Share.id < page.after)
    if group_id is not None:
        statement = statement.where(Share.group_id == group_id)
    return (await session.scalars(statement)).all()


async def change(session: WriteSession, share_id: int, values: Mapping[str, Any], *, new_key: bool) -> Share | None:
    """Change a link; None if there is none. With `new_key` all keys that were given out end."""
    columns = {**values, **({"key_version": Share.key_version + 1} if new_key else {})}
    statement = update(Share).where(Share.id == share_id).values(columns).returning(Share)
    return (await session.execute(statement)).scalar_one_or_none()


async def remove(session: WriteSession, share_id: int) -> Share | None:
    """Delete a link, and return what it was."""
    return (await session.execute(delete(Share).where(Share.id == share_id).returning(Share))).scalar_one_or_none()


async def remove_expired(session: WriteSession, before: datetime) -> None:
    """Delete the links that ended before this time."""
    await session.execute(delete(Share).where(Share.expires_at < before))


async def shown(session: Session, group_ids: Collection[int], *, limit: int) -> Sequence[Group]:
    """Those of the groups that have pictures, in their order."""
    conditions = (Group.id.in_(group_ids), Group.picture_count > 0)
    statement = select(Group).where(*conditions).order_by(Group.position, Group.id).limit(limit)
    return (await session.scalars(statement)).all()
