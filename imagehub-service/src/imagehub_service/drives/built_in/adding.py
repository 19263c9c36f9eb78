"""Adding items to the built-in drive, each under a name that is free."""

import base64
import secrets
from typing import Final

from imagehub_service.drives.built_in import repository
from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.drives.built_in.names import key_of, numbered
from imagehub_service.drives.errors import DriveFull
from lightbox_shared.database import WriteSession

_FIRST_NAMES: Final = 8
_MOST_NAMES: Final = 512


async def add_folder(session: WriteSession, name: str) -> DriveItem:
    """Make a folder, with a number behind its name where that is taken. The drive must be locked."""
    free, _ = await _free_name(session, None, name)
    return await repository.add(session, id=_new_id(), name=free)


async def add_file(
    session: WriteSession, folder_id: str, name: str, *, sha256: bytes, size: int, drive_bytes: int
) -> DriveItem:
    """Make a file of a blob, with a number behind its name where that is taken by a file with other bytes.

    A file of that name with the same bytes is returned as it is: clients repeat an upload whose answer was lost. The
    drive must be locked, and the folder must exist. Raises `DriveFull`.
    """
    free, same = await _free_name(session, folder_id, name, sha256)
    if same is not None:
        return same
    if await repository.used_bytes(session) + size > drive_bytes:
        raise DriveFull("There is no room in the drive.")
    item = await repository.add(session, id=_new_id(), parent_id=folder_id, name=free, sha256=sha256, size=size)
    await repository.touch(session, folder_id)
    return item


async def _free_name(
    session: WriteSession, parent_id: str | None, name: str, sha256: bytes | None = None
) -> tuple[str, DriveItem | None]:
    """The first of `name`, `name 1`, `name 2` and so on that is free, or the file before it that has these bytes."""
    first, batch = 0, _FIRST_NAMES
    while True:
        names = [numbered(name, number, is_file=sha256 is not None) for number in range(first, first + batch)]
        taken = await repository.named(session, parent_id, names)
        for each in names:
            there = taken.get(key_of(each))
            if there is None:
                return each, None
            if sha256 is not None and there.sha256 == sha256:
                return each, there
        first, batch = first + batch, min(batch * 4, _MOST_NAMES)


def _new_id() -> str:
    """An id in the form of OneDrive's, with 160 random bits."""
    return "01" + base64.b32encode(secrets.token_bytes(20)).decode()
