"""The file `<data>/running`, which shows whether a platform is running on a data folder.

It contains the URL of the gateway. `lightbox run` holds a lock on it, which the kernel removes when the process ends.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

_NAME: Final = "running"


class RunningMark:
    """The lock of a platform on its data folder: `set` it at the start, and `remove` it at the end."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def set(self, folder: Path, url: str) -> None:
        """Lock the file and write the URL. If another platform has locked it, nothing changes. Raises `OSError`."""
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
        """Release the lock. The file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def running_at(folder: Path) -> str | None:
    """Return the URL of the gateway whose platform is running on a folder. None if there is none, or no access."""
    try:
        with (folder / _NAME).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except OSError:
        pass
    return None
