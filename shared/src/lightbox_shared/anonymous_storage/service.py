"""Reserving room for what a stranger is about to store."""

import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog
from anyio import CancelScope

from lightbox_shared.anonymous_storage import repository
from lightbox_shared.anonymous_storage.errors import AnonymousStorageFull, DailyQuotaReached, LargerThanTheQuota
from lightbox_shared.anonymous_storage.repository import CountStored, Stored
from lightbox_shared.anonymous_storage.tables import AnonymousTables
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import Unavailable
from lightbox_shared.requests.addresses import partition

log = structlog.get_logger()

ROW_BYTES: Final = 1024
"""What is counted for the rows of an upload, beside the bytes of its picture."""
STALE_AFTER: Final = timedelta(hours=1)
"""A reservation of a process that has ended without releasing it is released after that. No upload takes so long."""
_SALT_BYTES: Final = 32
_CLIENT_BYTES: Final = 16
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AnonymousLimits:
    """How much may be stored; None stands for no limit."""

    pictures_per_day: int | None = None
    """Of one address, in a day of UTC."""
    bytes_per_day: int | None = None
    """Of one address, in a day of UTC."""
    total_bytes: int | None = None
    """Of all addresses together, at any time."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one upload, which `AnonymousStorage.reserved` gives back unless it is settled."""

    id: int
    bytes: int
    """As they are counted: those of the picture, and `ROW_BYTES`."""


class AnonymousStorage:
    """Counts what strangers store in the database of one service. Used by many tasks."""

    def __init__(
        self,
        database: Database,
        tables: AnonymousTables,
        limits: AnonymousLimits,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` returns seconds since the epoch."""
        self._database = database
        self._tables = tables
        self._limits = limits
        self._clock = clock
        self._salt: tuple[date, bytes] | None = None

    @asynccontextmanager
    async def reserved(self, address: str, picture_bytes: int) -> AsyncIterator[Reservation]:
        """Room for a picture from a client's address, in UTC's present day. At the end of the block it is given back,
        unless a transaction that has been committed has settled it.

        Raises `DailyQuotaReached`, `AnonymousStorageFull` and `LargerThanTheQuota`.
        """
        reservation = await self._reserve(address, picture_bytes + ROW_BYTES)
        try:
            yield reservation
        except BaseException:
            with CancelScope(shield=True):
                await self.release(reservation)
            raise

    async def _reserve(self, address: str, size: int) -> Reservation:
        limits, now = self._limits, datetime.fromtimestamp(self._clock(), UTC)
        if limits.bytes_per_day is not None and size > limits.bytes_per_day:
            raise LargerThanTheQuota(
                f"Without an approved account at most {limits.bytes_per_day:,} bytes are stored in a day."
            )
        client = await self._client(address, now.date())
        async with self._database.autocommit() as connection:
            found = await repository.reserve(
                connection,
                now.date(),
                client,
                size,
                pictures_per_day=limits.pictures_per_day,
                bytes_per_day=limits.bytes_per_day,
                total_bytes=limits.total_bytes,
            )
        if not found.has_room:
            raise AnonymousStorageFull
        if found.reservation_id is None:
            raise DailyQuotaReached(_sentence(limits), retry_after=_seconds_left(now))
        return Reservation(found.reservation_id, size)

    async def _client(self, address: str, day: date) -> bytes:
        """What an address is counted under on a day: nobody can tell the address from it when the salt is deleted."""
        if self._salt is None or self._salt[0] != day:
            async with self._database.writing() as session:
                salt = await repository.salt_of(session, self._tables, day, secrets.token_bytes(_SALT_BYTES))
            self._salt = day, salt
        else:
            salt = self._salt[1]
        return hmac.digest(salt, partition(address).encode(), hashlib.sha256)[:_CLIENT_BYTES]

    async def release(self, reservation: Reservation) -> None:
        """Give back what is reserved. Nothing happens if it was settled."""
        async with self._database.autocommit() as connection:
            await repository.release(connection, reservation_id=reservation.id)

    async def settle(self, session: WriteSession, reservation: Reservation) -> None:
        """End a reservation in the transaction that stores the picture. Raises `Unavailable` if it is too old."""
        if not await repository.settle(session, self._tables, reservation.id):
            raise Unavailable("The upload took too long.")

    async def add(self, session: WriteSession, size: int) -> bool:
        """Count further bytes for a picture that is stored, if there is room. Returns whether there was."""
        return await repository.add(session, self._tables, size, total_bytes=self._limits.total_bytes)

    async def subtract(self, session: WriteSession, stored: Stored) -> None:
        """Give back the room of pictures in the transaction that deletes them."""
        await repository.subtract(session, self._tables, stored)

    async def stored(self, session: ReadSession) -> Stored:
        """What is stored at the moment, or about to be."""
        return await repository.stored(session, self._tables)

    async def correct(self, counted: CountStored) -> None:
        """Make the total what is counted in the tables of the service and reserved. To be run after the start, for what
        went wrong before; and in between, since replicas of an earlier version may be running. Nobody waits for the
        count of a total that is right."""
        async with self._database.reading() as session:
            was, found = await repository.compare(session, self._tables, counted)
        if found == was:
            return
        async with self._database.writing() as session:
            was, found = await repository.correct(session, self._tables, counted)
        if found != was:
            log.warning(
                "the total of what strangers have stored was corrected",
                pictures=found.pictures,
                bytes=found.bytes,
                pictures_before=was.pictures,
                bytes_before=was.bytes,
            )

    async def tidy_up(self) -> None:
        """Release the reservations of processes that have ended, and delete what is known of addresses on days that
        ended an hour ago or earlier, since the clocks of replicas may differ. To be run every hour."""
        over = datetime.fromtimestamp(self._clock(), UTC) - STALE_AFTER
        async with self._database.writing() as session:
            released = await repository.release(session, older_than=STALE_AFTER)
            await repository.forget_days_before(session, self._tables, over.date())
        if released:
            log.info("room for uploads that were not finished was given back", count=released)


def _sentence(limits: AnonymousLimits) -> str:
    bounds = []
    if limits.pictures_per_day is not None:
        bounds.append(f"{limits.pictures_per_day:,} pictures")
    if limits.bytes_per_day is not None:
        bounds.append(f"{limits.bytes_per_day:,} bytes")
    return f"Without an approved account at most {' and '.join(bounds)} are stored for one address in a day (UTC)."


def _seconds_left(now: datetime) -> int:
    """Until the next day begins, at least one."""
    midnight = datetime.combine(now.date() + _DAY, datetime.min.time(), UTC)
    return max(1, -(-(midnight - now) // timedelta(seconds=1)))
