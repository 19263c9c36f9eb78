"""The statements on the files and folders of the built-in drive.

Functions that add, rename or delete an item call `lock` first. So a name that was found to be free is free, and room
that was found is there, until the transaction ends, and no two transactions wait for each other.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Text, case, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.drives.built_in.names import key_of
from lightbox_shared.database import ReadSession, WriteSession

_LOCK: Final = 0x6472_6976_65  # "drive" in ASCII


class StoredFile(NamedTuple):
    """Where the bytes of a file are, and how many."""

    sha256: bytes
    size: int


class FolderRow(NamedTuple):
    """A folder, and its files as JSON: a list with the id, name, size in bytes, and the times when it was created and
    modified, of each file, in the order of their names."""

    id: str
    name: str
    created_at: datetime
    modified_at: datetime
    files: str


async def lock(session: WriteSession) -> None:
    """Wait until no other transaction changes the drive."""
    await session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def folders_with_files(session: ReadSession) -> list[FolderRow]:
    """All folders in the order of their names.

    It is one statement, with one row a folder: a row for each file would occupy the event loop several times as long.
    """
    file = aliased(DriveItem)
    described = func.json_build_array(file.id, file.name, file.size, file.created_at, file.modified_at)
    files = (
        select(file.parent_id, cast(func.json_agg(aggregate_order_by(described, file.name_key)), Text).label("json"))
        .where(file.parent_id.is_not(None))
        .group_by(file.parent_id)
        .subquery()
    )
    columns = (DriveItem.id, DriveItem.name, DriveItem.created_at, DriveItem.modified_at)
    statement = (
        select(*columns, func.coalesce(files.c.json, "[]"))
        .outerjoin(files, files.c.parent_id == DriveItem.id)
        .where(DriveItem.parent_id.is_(None))
        .order_by(DriveItem.name_key)
    )
    return [FolderRow(*row) for row in await session.execute(statement)]


async def used_bytes(session: ReadSession | WriteSession) -> int:
    """Bytes of all files together."""
    return int((await session.execute(select(func.coalesce(func.sum(DriveItem.size), 0)))).scalar_one())


async def is_folder(session: ReadSession | WriteSession, item_id: str) -> bool:
    """Whether there is a folder with this id."""
    statement = select(DriveItem.id).where(DriveItem.id == item_id, DriveItem.parent_id.is_(None))
    return await session.scalar(statement) is not None


async def find_file(session: ReadSession, item_id: str) -> StoredFile | None:
    """Where the bytes of a file are; None if there is no file with this id."""
    statement = select(DriveItem.sha256, DriveItem.size).where(DriveItem.id == item_id, DriveItem.sha256.is_not(None))
    row = (await session.execute(statement)).one_or_none()
    return None if row is None or row[0] is None else StoredFile(row[0], row[1])


async def named(session: WriteSession, parent_id: str | None, names: Iterable[str]) -> Mapping[str, DriveItem]:
    """The items of a folder, or the folders below the root, that have one of these names, by `names.key_of`."""
    keys = [key_of(name) for name in names]
    found = await session.scalars(select(DriveItem).where(_within(parent_id), DriveItem.name_key.in_(keys)))
    return {item.name_key: item for item in found}


async def add(session: WriteSession, **columns: Any) -> DriveItem:  # noqa: ANN401 - those of the table
    """Insert an item. Its name must be free."""
    item = DriveItem(**columns, name_key=key_of(columns["name"]))
    session.add(item)
    await session.flush()
    await session.refresh(item)
    return item


async def touch(session: WriteSession, folder_id: str) -> None:
    """Something in a folder is another than before."""
    await session.execute(update(DriveItem).where(DriveItem.id == folder_id).values(modified_at=func.now()))


async def find(session: WriteSession, item_id: str) -> DriveItem | None:
    """A file or folder; None if there is no item with this id."""
    return await session.get(DriveItem, item_id)


async def rename(session: WriteSession, item: DriveItem, name: str) -> None:
    """Give an item a name that is free. An item that has this name already keeps its time of modification."""
    unchanged = DriveItem.name == name
    values = {
        "name": name,
        "name_key": key_of(name),
        "modified_at": case((unchanged, DriveItem.modified_at), else_=func.now()),
    }
    await session.execute(update(DriveItem).where(DriveItem.id == item.id).values(values))


async def remove(session: WriteSession, item: DriveItem) -> None:
    """Delete an item, with its files and upload sessions if it is a folder."""
    await session.execute(delete(DriveItem).where(DriveItem.id == item.id))


def _within(parent_id: str | None) -> ColumnElement[bool]:
    return DriveItem.parent_id.is_(None) if parent_id is None else DriveItem.parent_id == parent_id
