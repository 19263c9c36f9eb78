"""How full a disk is, and how much of it uploads leave free. It imports little, for `lightbox run`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LARGEST_DEFAULT_RESERVE: Final = 1024**3
DEFAULT_RESERVE_SHARE: Final = 20
"""The reserve is by default this part of a small disk: 1/20."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A file system, in bytes."""

    size: int
    free: int
    """What a process without privileges may still write; 0 if no file can be made any more."""

    def reserve(self, configured: int | None) -> int:
        """What uploads leave free: `configured`, by default 1 GiB, and less on a disk of less than 20 GiB."""
        if configured is not None:
            return configured
        return min(LARGEST_DEFAULT_RESERVE, self.size // DEFAULT_RESERVE_SHARE)


def disk_usage(folder: Path) -> Usage:
    """The file system of a folder, or of its nearest parent that exists. Blocks; raises `OSError`."""
    while True:
        try:
            found = os.statvfs(folder)
        except FileNotFoundError:
            if folder == folder.parent:
                raise
            folder = folder.parent
        else:
            no_inodes = found.f_files > 0 and found.f_favail == 0
            return Usage(found.f_blocks * found.f_frsize, 0 if no_inodes else found.f_bavail * found.f_frsize)
