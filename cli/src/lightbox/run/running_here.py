"""Whether a platform runs on a data folder, and where: `<data>/running` has the gateway's address, and is locked for as
long as `lightbox run` lives, however that ends."""

import fcntl
import os
from pathlib import Path
from typing import Final

_NAME: Final = "running"


class RunningMark:
    """The mark of a platform that runs on a folder. `set` it at the start, `remove` it at the end."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def set(self, folder: Path, url: str) -> None:
        """Write the address. Where another platform has its mark there, that stays. Raises `OSError`."""
        descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, url.encode(), 0)
        self._descriptor = descriptor

    def remove(self) -> None:
        """Let go of the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def running_at(folder: Path) -> str | None:
    """The gateway's address of the platform that runs on this folder; None where none does, or none that we may see."""
    try:
        with (folder / _NAME).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except OSError:
        pass
    return None
