"""The statements on the copies of drives."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Text, any_, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert
from sqlalchemy.orm import aliased

from imagehub_service.drives.onedrive.answers import Quota
from imagehub_service.drives.onedrive.models import CopiedItem, Copy
from lightbox_shared.database import ReadSession, WriteSession

_ROWS_A_STATEMENT = 1000


class NewItem(NamedTuple):
    """A file or folder, as Graph has told of it."""

    id: str
    parent_id: str | None
    name: str
    size: int
    is_folder: bool
    created_at: datetime
    modified_at: datetime


class Progress(NamedTuple):
    """What is to be known of a copy to go on with it."""

    version: int
    link: str | None
    enumeration: int
    is_enumerating: bool


class FolderRow(NamedTuple):
    """A folder, and its files as JSON (`drives.listed_files`)."""

    id: str
    name: str
    size: int
    created_at: datetime
    modified_at: datetime
    files: str


async def progress(session: ReadSession, account_id: int) -> Progress:
    """How far a copy has come; at its beginning if there is none."""
    statement = select(Copy.version, Copy.link, Copy.enumeration, Copy.is_enumerating)
    found = (await session.execute(statement.where(Copy.account_id == account_id))).one_or_none()
    return Progress(0, None, 0, is_enumerating=False) if found is None else Progress(*found)


async def advance(session: WriteSession, account_id: int, before: Progress, after: Progress) -> bool:
    """Store how far a copy has come. Returns False, and changes nothing, if another process has changed it since
    `before` was read."""
    await session.execute(insert(Copy).values(account_id=account_id).on_conflict_do_nothing())
    statement = (
        update(Copy)
        .where(Copy.account_id == account_id, Copy.version == before.version)
        .values(**after._asdict())
        .returning(Copy.account_id)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def set_root(session: WriteSession, account_id: int, root_id: str) -> None:
    """Store which item is the root."""
    await session.execute(update(Copy).where(Copy.account_id == account_id).values(root_id=root_id))


async def completed(session: WriteSession, account_id: int, version: int, as_of: datetime, quota: Quota) -> None:
    """The copy of this version is equal to the drive, as it was at this time. Nothing is stored if it has changed."""
    statement = update(Copy).where(Copy.account_id == account_id, Copy.version == version)
    await session.execute(statement.values(as_of=as_of, used_bytes=quota.used, total_bytes=quota.total))


async def put_items(session: WriteSession, account_id: int, items: Sequence[NewItem], enumeration: int) -> None:
    """Insert or replace items, no two of which have the same id."""
    for start in range(0, len(items), _ROWS_A_STATEMENT):
        rows = [
            {"account_id": account_id, "enumeration": enumeration, **item._asdict()}
            for item in items[start : start + _ROWS_A_STATEMENT]
        ]
        statement = insert(CopiedItem).values(rows)
        changes = {column.name: column for column in statement.excluded if column.name not in {"account_id", "id"}}
        await session.execute(
            statement.on_conflict_do_update(index_elements=[CopiedItem.account_id, CopiedItem.id], set_=changes)
        )


async def delete_items(session: WriteSession, account_id: int, ids: Collection[str]) -> None:
    """Delete items."""
    if ids:
        named = CopiedItem.id == any_(cast(list(ids), ARRAY(Text)))
        await session.execute(delete(CopiedItem).where(CopiedItem.account_id == account_id, named))


async def delete_unseen(session: WriteSession, account_id: int, enumeration: int) -> None:
    """Delete the items that the enumeration, which has ended, did not have."""
    await session.execute(
        delete(CopiedItem).where(CopiedItem.account_id == account_id, CopiedItem.enumeration != enumeration)
    )


async def forget(session: WriteSession, account_id: int) -> bool:
    """Delete a copy. Its version goes on, so that a process that still reads pages stores none of them. Returns whether
    there was a copy, or a part of one."""
    await session.execute(insert(Copy).values(account_id=account_id).on_conflict_do_nothing())
    link = await session.scalar(select(Copy.link).where(Copy.account_id == account_id).with_for_update())
    await session.execute(delete(CopiedItem).where(CopiedItem.account_id == account_id))
    known = {"link": None, "is_enumerating": False, "root_id": None, "as_of": None, "used_bytes": 0, "total_bytes": 0}
    statement = update(Copy).where(Copy.account_id == account_id)
    await session.execute(statement.values(version=Copy.version + 1, **known))
    return link is not None


async def find(session: ReadSession, account_id: int) -> Copy | None:
    """The copy of a drive."""
    return await session.get(Copy, account_id, populate_existing=True)


async def has_item(session: ReadSession, account_id: int, item_id: str) -> bool:
    """Whether the copy has this item."""
    statement = select(func.count()).where(CopiedItem.account_id == account_id, CopiedItem.id == item_id)
    return bool(await session.scalar(statement))


async def folders_with_files(session: ReadSession, account_id: int, root_id: str) -> list[FolderRow]:
    """The folders below the root with the files in them, by their names."""
    file = aliased(CopiedItem)
    described = func.json_build_array(file.id, file.name, file.size, file.created_at, file.modified_at)
    files = select(cast(func.json_agg(aggregate_order_by(described, file.name, file.id)), Text)).where(
        file.account_id == account_id, file.parent_id == CopiedItem.id, ~file.is_folder
    )
    columns = (CopiedItem.id, CopiedItem.name, CopiedItem.size, CopiedItem.created_at, CopiedItem.modified_at)
    statement = (
        select(*columns, func.coalesce(files.scalar_subquery(), "[]"))
        .where(CopiedItem.account_id == account_id, CopiedItem.parent_id == root_id, CopiedItem.is_folder)
        .order_by(CopiedItem.name, CopiedItem.id)
    )
    return [FolderRow(*row) for row in await session.execute(statement)]
