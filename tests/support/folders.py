"""Where temporary files of the tests lie: in memory where there is room, which saves a third of the processor time."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - used as a folder for temporary files, through `tempfile`
ROOM: Final = 2 * 1024**3
"""Bytes that have to be free there."""
DISK: Final = Path("/var/tmp")  # noqa: S108 - the same
"""Temporary files on a disk, by the Filesystem Hierarchy Standard."""


def prefer_memory() -> None:
    """Let temporary files of this process, and of those that it starts, lie in memory. A `TMPDIR` of the environment
    counts for more, and without room in memory everything stays as it is."""
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # what it has found before


def use_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that need a file system whose `fsync` does something."""
    monkeypatch.setenv("TMPDIR", str(DISK))
    monkeypatch.setattr(tempfile, "tempdir", None)  # what it has found before
