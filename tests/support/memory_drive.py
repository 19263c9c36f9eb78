"""A drive in memory, for what stands on drives: files by their ids, and what goes wrong with some of them."""

import asyncio
import itertools
from collections import Counter
from datetime import UTC, datetime

from imagehub_service.drives.drive import DriveContents, DriveFile, DriveFolder
from imagehub_service.drives.errors import FileTooLarge, NoSuchItem
from imagehub_service.drives.service import Drives


class MemoryDrive:
    """A drive with one folder, `folder`."""

    def __init__(self) -> None:
        self.folder = "01FOLDER"
        self.files: dict[str, tuple[str, bytes]] = {}
        self.failures: dict[str, list[Exception]] = {}
        """What the next calls for a file raise."""
        self.delays: dict[str, list[float]] = {}
        """Seconds that the next calls for a file take."""
        self.downloads: Counter[str] = Counter()
        self.under_way = self.most_under_way = 0
        self.gate = asyncio.Event()
        """Downloads wait for it."""
        self.gate.set()
        self._numbers = itertools.count(1)

    def put(self, name: str, data: bytes, *failures: Exception) -> str:
        """Keep a file and return its id; its first downloads raise `failures`."""
        file_id = f"01FILE{next(self._numbers)}"
        self.files[file_id] = name, data
        self.failures[file_id] = list(failures)
        return file_id

    async def connect(self) -> None:
        pass

    async def finish_consent(self, auth_code: str, state: str | None) -> None:
        pass

    async def is_connected(self) -> bool:
        return True

    async def disconnect(self) -> bool:
        return False

    async def contents(self) -> DriveContents:
        now = datetime.now(UTC)
        files = [DriveFile(id_, name, len(data), now, now) for id_, (name, data) in self.files.items()]
        used = sum(file.size for file in files)
        return DriveContents([DriveFolder(self.folder, "System", used, now, now, files)], used, 2**30, now)

    async def create_folder(self, name: str) -> DriveFolder:
        now = datetime.now(UTC)
        return DriveFolder(self.folder, name, 0, now, now, [])

    async def rename(self, item_id: str, name: str) -> None:
        self.files[item_id] = name, self._data(item_id)

    async def delete(self, item_id: str) -> None:
        self._data(item_id)
        del self.files[item_id]

    async def open_upload_session(self, folder_id: str, filename: str, *, public_base: str) -> str:
        return f"{public_base}/{folder_id}/{filename}"

    async def download(self, file_id: str, *, max_bytes: int) -> bytes:
        self.downloads[file_id] += 1
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await self.gate.wait()
            await asyncio.sleep(self.delays[file_id].pop() if self.delays.get(file_id) else 0)
            if self.failures.get(file_id):
                raise self.failures[file_id].pop(0)
            data = self._data(file_id)
        finally:
            self.under_way -= 1
        if len(data) > max_bytes:
            raise FileTooLarge
        return data

    def _data(self, file_id: str) -> bytes:
        if file_id not in self.files:
            raise NoSuchItem
        return self.files[file_id][1]


class MemoryDrives(Drives):
    """The same drive for every administrator."""

    def __init__(self, drive: MemoryDrive) -> None:
        self.drive = drive

    def for_account(self, account_id: int) -> MemoryDrive:
        """The same drive for every account."""
        del account_id
        return self.drive
