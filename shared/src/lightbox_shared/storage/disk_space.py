"""Free space on the disks that a service can see, and the reserve that uploads leave on them.

A database that has no room for its log stops, and with it everything; so uploads of pictures are refused earlier, while
there is room for what is small: signing in, labels, and deleting. What a service can see are file systems with its own
folders (docs/decisions/0047). A disk that it can't see, such as that of a database server elsewhere, is noticed when
the database says that it is full; uploads are then refused for some seconds before the next one is tried.

What an upload announces is reserved from its head to its end, so that many slow ones together leave the reserve too.
Then what has arrived counts until the space is read again, which shows it. So each byte counts at every moment, and in
between, from when it is written until the upload has ended and the space has been read, possibly twice.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import anyio
import structlog
from anyio import to_thread
from prometheus_client import CollectorRegistry, Gauge

from lightbox_shared.concurrency.background import periodic_task
from lightbox_shared.config import Settings
from lightbox_shared.errors.disk_full import DiskFull
from lightbox_shared.observability.health import Degraded
from lightbox_shared.storage.disk_usage import Usage, disk_usage

log = structlog.get_logger()

READ_SECONDS: Final = 1.0
TIMES_WRITTEN: Final = 2
"""PostgreSQL writes what it stores into its log as well."""
ADDRESS_SHARE: Final = 2
"""One part in so many of what is free is for the uploads of one address, unless it has only one."""
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
        self._held = 0
        """Bytes that are reserved for uploads which are under way."""
        self._held_by_address: Counter[Hashable] = Counter()
        self._written = 0
        """Bytes of uploads that have ended since the space was read."""
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
        written_before = self._written
        found = await to_thread.run_sync(_read, self._folders, abandon_on_cancel=True)
        self._found.update(found)
        self._written -= written_before  # what ended meanwhile may not have been seen
        for name, usage in found.items():
            self._free_bytes.labels(name).set(usage.free)
            self._reserve_bytes.labels(name).set(usage.reserve(self._reserve))
        self._say_changes()

    def check_room(self, size: int = 0) -> None:
        """Return if an upload of `size` bytes, which is written at once, leaves the reserve on every disk; 0 is for an
        unknown size. Raises `DiskFull`."""
        self.reserve(size).release(written=size)

    def reserve(self, size: int = 0, *, address: Hashable = None) -> "DiskReservation":
        """Room for an upload of `size` bytes, which can grow and has to be released; 0 is for an unknown size. With
        `address` it counts for what this address has reserved. Raises `DiskFull`."""
        if self._clock() < self._full_until:
            raise DiskFull
        reservation = DiskReservation(self, address)
        self.take(size, address)
        reservation.size = size
        return reservation

    def take(self, size: int, address: Hashable = None, *, held: int = 0) -> None:
        """Count `size` more bytes as reserved, for an upload that has `held` already. Raises `DiskFull` if they do not
        leave the reserve."""
        needed, free = TIMES_WRITTEN * size, self._free()
        if free is not None:
            free -= self._written
            of_address = 0 if address is None else self._held_by_address[address]
            has_others = of_address > TIMES_WRITTEN * held
            if self._held + needed > free or (has_others and of_address + needed > free // ADDRESS_SHARE):
                raise DiskFull(LITTLE_ROOM)
        self._hold(needed, address)

    def give_back(self, size: int, address: Hashable = None, *, written: int = 0) -> None:
        """Count `size` fewer bytes as reserved, and `written` more as written since the space was read."""
        self._hold(-TIMES_WRITTEN * size, address)
        self._written += TIMES_WRITTEN * written

    def _hold(self, size: int, address: Hashable) -> None:
        self._held += size
        if address is not None:
            self._held_by_address[address] += size
            if not self._held_by_address[address]:
                del self._held_by_address[address]

    def database_is_full(self) -> None:
        """Refuse uploads for some seconds: the database has no room, on a disk that may be out of sight."""
        if self._clock() >= self._full_until:
            log.error("the database says that its disk is full")
        self._full_until = self._clock() + PAUSE_SECONDS

    async def check(self) -> None:
        """For `/readyz`. Raises `Degraded` if uploads are refused."""
        if self._clock() < self._full_until or self._without_room(self._held + self._written):
            raise Degraded("no room for pictures")

    def _free(self) -> int | None:
        """How much can be written before the reserve of a disk is reached, less than 0 behind it; None if no disk has
        one."""
        reserves = {name: usage.reserve(self._reserve) for name, usage in self._found.items()}
        return min((self._found[name].free - least for name, least in reserves.items() if least), default=None)

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


class DiskReservation:
    """The room that one upload holds until it ends. Released once; a second time does nothing."""

    __slots__ = ("_address", "_space", "size")

    def __init__(self, space: DiskSpace, address: Hashable = None) -> None:
        self._space: DiskSpace | None = space
        self._address = address
        self.size = 0
        """Bytes of the upload."""

    def grow_to(self, size: int) -> None:
        """Hold room for `size` bytes of the upload; nothing happens if there is that much. Raises `DiskFull`."""
        if self._space is not None and size > self.size:
            self._space.take(size - self.size, self._address, held=self.size)
            self.size = size

    def release(self, *, written: int = 0) -> None:
        """Give the room back. `written` is how many bytes of the upload may have been written."""
        if self._space is not None:
            self._space.give_back(self.size, self._address, written=written)
            self._space = None


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
