"""Free space on the disks that a service can see, and the reserve that uploads leave on them.

A database that has no room for its log stops, and with it everything; so uploads of pictures are refused earlier, while
there is room for what is small: signing in, labels, and deleting. What a service can see are file systems with its own
folders (docs/decisions/0047). A disk that it can't see, such as that of a database server elsewhere, is noticed when
the database says that it is full; uploads are then refused for some seconds before the next one is tried.
"""

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import anyio
import structlog
from anyio import to_thread
from prometheus_client import CollectorRegistry, Gauge

from lightbox_shared.background import periodic_task
from lightbox_shared.config import Settings
from lightbox_shared.disk_usage import Usage, disk_usage
from lightbox_shared.errors.disk_full import DiskFull
from lightbox_shared.health import Degraded

log = structlog.get_logger()

READ_SECONDS: Final = 1.0
TIMES_WRITTEN: Final = 2
"""PostgreSQL writes what it stores into its log as well."""
PAUSE_SECONDS: Final = 5.0
"""How long uploads are refused after the database has said that its disk is full."""
FIRST_READ_SECONDS: Final = 2.0
"""A network file system that does not answer delays a start by so much."""
LITTLE_ROOM: Final = "The server has little room left and keeps no new pictures at the moment. Please try again later."


def folders_of(settings: Settings) -> dict[str, Path]:
    """The folders whose file systems a service with these settings fills, by the name that metrics and logs have.
    Blocks."""
    found = {"data": settings.data_dir, "temporary": _temporary_folder()}
    if settings.database_folder is not None:
        found["database"] = settings.database_folder
    store = urlsplit(settings.blob_store_url or "")
    if store.scheme == "file":
        found["objects"] = Path(unquote(store.path))
    return found


class DiskSpace:
    """The free space of some folders' file systems, read every few seconds in a thread while it is `watched`.

    To be used from one event loop.
    """

    def __init__(
        self,
        folders: Callable[[], Mapping[str, Path]],
        *,
        reserve: int | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folders` returns folders by names for metrics and logs, and is called in a thread. `reserve` is in bytes,
        and 0 for none."""
        self._folders = folders
        self._reserve = reserve
        self._clock = clock
        self._found: dict[str, Usage] = {}
        self._admitted = 0
        """Bytes that are written for uploads which were let in since the space was read."""
        self._full_until = clock()
        self._low: frozenset[str] = frozenset()
        names = ("folder",)
        self._free_bytes = Gauge("lightbox_disk_free_bytes", "Bytes that can be written.", names, registry=registry)
        self._reserve_bytes = Gauge("lightbox_disk_reserve_bytes", "What uploads leave.", names, registry=registry)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Self]:
        """Read the space, now and every few seconds until the end of the context."""
        with anyio.move_on_after(FIRST_READ_SECONDS):
            await self.read()
        async with periodic_task(self.read, "free space", every=READ_SECONDS):
            yield self

    async def read(self) -> None:
        """Read the space of all folders. A folder that can't be read keeps what was read before."""
        found = await to_thread.run_sync(_read, self._folders, abandon_on_cancel=True)
        self._found.update(found)
        self._admitted = 0
        for name, usage in found.items():
            self._free_bytes.labels(name).set(usage.free)
            self._reserve_bytes.labels(name).set(usage.reserve(self._reserve))
        self._say_changes()

    def check_room(self, size: int = 0) -> None:
        """Return if an upload of `size` bytes leaves the reserve on every disk; 0 is for an unknown size. Raises
        `DiskFull`."""
        if self._clock() < self._full_until:
            raise DiskFull
        if self._without_room(self._admitted + TIMES_WRITTEN * size):
            raise DiskFull(LITTLE_ROOM)
        self._admitted += TIMES_WRITTEN * size

    def database_is_full(self) -> None:
        """Refuse uploads for some seconds: the database has no room, on a disk that may be out of sight."""
        if self._clock() >= self._full_until:
            log.error("the database says that its disk is full")
        self._full_until = self._clock() + PAUSE_SECONDS

    async def check(self) -> None:
        """For `/readyz`. Raises `Degraded` if uploads are refused."""
        if self._clock() < self._full_until or self._without_room(self._admitted):
            raise Degraded("no room for pictures")

    def _without_room(self, size: int) -> frozenset[str]:
        """The folders whose reserve is not left if `size` bytes are written."""
        reserves = {name: usage.reserve(self._reserve) for name, usage in self._found.items()}
        return frozenset(name for name, least in reserves.items() if least and self._found[name].free - size < least)

    def _say_changes(self) -> None:
        low = self._without_room(0)
        for name in low - self._low:
            usage = self._found[name]
            reserve = usage.reserve(self._reserve)
            log.error("too little room: pictures are refused", folder=name, free=usage.free, reserve=reserve)
        for name in self._low - low:
            log.warning("there is room again", folder=name, free=self._found[name].free)
        self._low = low


def _temporary_folder() -> Path:
    """The folder for temporary files, also for all of this process, which Python looks for by writing a few bytes."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # there is no room for them, and later there may be
        tempfile.tempdir = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - as Python has it
        return Path(tempfile.tempdir)


def _read(folders: Callable[[], Mapping[str, Path]]) -> dict[str, Usage]:
    found: dict[str, Usage] = {}
    for name, folder in folders().items():
        try:
            found[name] = disk_usage(folder)
        except OSError as error:
            log.warning("the free space of a folder is not known", folder=name, error=type(error).__name__)
    return found
