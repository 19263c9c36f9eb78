"""The drive that needs no account elsewhere: folders and files in the service's own database and blob store. All
administrators share it."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from imagehub_service.drives.built_in import repository
from imagehub_service.drives.built_in.adding import add_folder
from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.drives.built_in.names import check_name, key_of
from imagehub_service.drives.built_in.repository import FolderRow
from imagehub_service.drives.built_in.upload_sessions.service import UploadSessions
from imagehub_service.drives.drive import DriveContents, DriveFolder
from imagehub_service.drives.errors import FileTooLarge, NameTaken, NoSuchItem
from imagehub_service.drives.listed_files import files_of
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.storage.blobs import Blobs

UPLOAD_SESSIONS_PATH: Final = "/image/upload-sessions"
_ID: Final = re.compile(r"[A-Z0-9]{1,64}", re.ASCII)


class BuiltInDrive:
    """A `Drive`. Folders are below the root, files are in folders."""

    def __init__(
        self, database: Database, blobs: Blobs, uploads: UploadSessions, *, total_bytes: int, threads: BoundedThreads
    ) -> None:
        """`total_bytes` is what the drive holds; in `threads` long lists are made."""
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._total_bytes = total_bytes
        self._threads = threads

    async def connect(self) -> None:
        """Nothing has to be allowed."""

    async def finish_consent(self, auth_code: str, state: str | None) -> None:
        """Nothing has to be allowed: any code is fine."""

    async def is_connected(self) -> bool:
        """It always is."""
        return True

    async def disconnect(self) -> bool:
        """Nothing was allowed, so there is nothing to forget."""
        return False

    async def contents(self) -> DriveContents:
        """All folders with their files, in the order of their names."""
        async with self._database.reading() as session:
            rows = await repository.folders_with_files(session)
        as_of = datetime.now(UTC)
        folders = await self._threads.run(partial(_folders, rows))
        used = sum(folder.size for folder in folders)
        return DriveContents(folders, used_bytes=used, total_bytes=self._total_bytes, as_of=as_of)

    async def create_folder(self, name: str) -> DriveFolder:
        """Make a folder; with a number behind its name if there is one of this name. Raises `InvalidName`."""
        check_name(name)
        async with self._database.writing() as session:
            await repository.lock(session)
            item = await add_folder(session, name)
        return DriveFolder(item.id, item.name, 0, item.created_at, item.modified_at, ())

    async def rename(self, item_id: str, name: str) -> None:
        """Give a file or folder another name. Raises `NoSuchItem`, `NameTaken` and `InvalidName`."""
        check_name(name)
        async with self._database.writing() as session:
            await repository.lock(session)
            item = await _found(session, item_id)
            others = await repository.named(session, item.parent_id, [name])
            other = others.get(key_of(name))
            if other is not None and other.id != item.id:
                raise NameTaken("There is another item of this name.")
            await repository.rename(session, item, name)
            if item.parent_id is not None:
                await repository.touch(session, item.parent_id)

    async def delete(self, item_id: str) -> None:
        """Delete a file, or a folder with its files and upload sessions. Raises `NoSuchItem`."""
        async with self._database.writing() as session:
            await repository.lock(session)
            item = await _found(session, item_id)
            await repository.remove(session, item)
            if item.parent_id is not None:
                await repository.touch(session, item.parent_id)

    async def open_upload_session(self, folder_id: str, filename: str, *, public_base: str) -> str:
        """The address of a new upload session. Raises `NoSuchItem` and `InvalidName`."""
        check_name(filename)
        if not _ID.fullmatch(folder_id):
            raise NoSuchItem(_NO_FOLDER)
        token = await self._uploads.open(folder_id, filename)
        if token is None:
            raise NoSuchItem(_NO_FOLDER)
        return f"{public_base}{UPLOAD_SESSIONS_PATH}/{token}"

    async def download(self, file_id: str, *, max_bytes: int) -> bytes:
        """The bytes of a file. Raises `NoSuchItem`, and `FileTooLarge` for one of more than `max_bytes`."""
        async with self._database.reading() as session:
            file = await repository.find_file(session, file_id) if _ID.fullmatch(file_id) else None
            if file is None:
                raise NoSuchItem("There is no file with this id.")
            if file.size > max_bytes:
                raise FileTooLarge.of(max_bytes)
            return await self._blobs.get(session, file.sha256)


_NO_FOLDER: Final = "There is no folder with this id."


async def _found(session: WriteSession, item_id: str) -> DriveItem:
    item = await repository.find(session, item_id) if _ID.fullmatch(item_id) else None
    if item is None:
        raise NoSuchItem
    return item


def _folders(rows: Iterable[FolderRow]) -> list[DriveFolder]:
    folders = []
    for row in rows:
        files = files_of(row.files)
        size = sum(file.size for file in files)
        folders.append(DriveFolder(row.id, row.name, size, row.created_at, row.modified_at, files))
    return folders
