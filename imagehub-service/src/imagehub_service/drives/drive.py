"""A drive, as the rest of the service sees it: folders with files, one level deep below a root."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file of a drive."""

    id: str
    name: str
    size: int
    """Bytes."""
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class DriveFolder:
    """A folder below the root, with its files."""

    id: str
    name: str
    size: int
    """Bytes of all files below it."""
    created_at: datetime
    modified_at: datetime
    files: Sequence[DriveFile]


@dataclass(frozen=True, slots=True)
class DriveContents:
    """Everything that a drive shows of itself."""

    folders: Sequence[DriveFolder]
    used_bytes: int
    total_bytes: int
    as_of: datetime
    """When this was true."""
    is_stale: bool = False
    """Whether it is a copy that could not be brought up to date, since the drive does not answer."""


class Drive(Protocol):
    """The drive of one administrator. Every method raises `DriveError`."""

    async def connect(self) -> None:
        """Return if the drive can be used. Raises `ConsentNeeded`."""
        ...

    async def finish_consent(self, auth_code: str, state: str | None) -> None:
        """Use the code that came with the administrator's consent, with the `state` that came with it, where the client
        passes it on. Raises `ConsentNeeded` if it is not valid."""
        ...

    async def is_connected(self) -> bool:
        """Whether its use was allowed, as far as is known without asking the drive."""
        ...

    async def disconnect(self) -> bool:
        """Forget what its use was allowed with, and all that is known of it. Returns whether there was any of it."""
        ...

    async def contents(self) -> DriveContents:
        """All folders with their files."""
        ...

    async def create_folder(self, name: str) -> DriveFolder:
        """Make a folder below the root. If there is one of this name, the new one gets a number behind its name."""
        ...

    async def rename(self, item_id: str, name: str) -> None:
        """Give a file or folder another name. Raises `NoSuchItem`, `NameTaken` and `InvalidName`."""
        ...

    async def delete(self, item_id: str) -> None:
        """Delete a file, or a folder with its files. Raises `NoSuchItem`."""
        ...

    async def open_upload_session(self, folder_id: str, filename: str, *, public_base: str) -> str:
        """The address to which the chunks of a new file are sent by PUT, without a token; `public_base` is the
        beginning of addresses of this platform. Raises `NoSuchItem` and `InvalidName`."""
        ...

    async def download(self, file_id: str, *, max_bytes: int) -> bytes:
        """The bytes of a file. Raises `NoSuchItem`, and `FileTooLarge` before more than `max_bytes` are in memory."""
        ...
