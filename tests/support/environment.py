"""What the processes of the tests find in their environment, so that little time goes into what no test is about."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

from lightbox_shared import database

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - used as a folder for temporary files, through `tempfile`
ROOM: Final = 2 * 1024**3
"""Bytes that have to be free there."""
DISK: Final = Path("/var/tmp")  # noqa: S108 - the same
"""Temporary files on a disk, by the Filesystem Hierarchy Standard."""
NO_AUTHORITIES: Final = Path("/var/empty")


def trust_no_authorities() -> None:
    """Let HTTP clients load no certificates of authorities, which takes each of them 20 ms: no test speaks TLS to a
    server that it has not made a certificate for."""
    os.environ.pop("SSL_CERT_FILE", None)  # it would count for more
    os.environ["SSL_CERT_DIR"] = str(NO_AUTHORITIES)


def calculate_in_one_thread() -> None:
    """Let NumPy calculate without helpers, which wait for each other in processor time where the cores are busy: to
    draw a phantom then takes a third of it. Without effect where NumPy is loaded already."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def wait_for_the_database() -> None:
    """Let the services in this process wait for a connection as long as it takes. Users get 503 after some seconds,
    which many requests at once would get where other programs occupy the cores."""
    database.POOL_WAIT_SECONDS = database.CONNECT_SECONDS = 60


def build_no_console() -> None:
    """Let the platforms that tests start have no console, which each of them would build where it is not built yet."""
    os.environ.setdefault("LIGHTBOX_CONSOLE_DIR", "")


def prefer_memory() -> None:
    """Let temporary files of this process, and of those that it starts, lie in memory, database servers included: a
    third of the time went into copying and removing files. A `TMPDIR` of the environment counts for more, and where
    there is no room in memory everything stays as it is."""
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # what it has found before


def use_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that need a file system whose `fsync` does something."""
    monkeypatch.setenv("TMPDIR", str(DISK))
    monkeypatch.setattr(tempfile, "tempdir", None)  # what it has found before
