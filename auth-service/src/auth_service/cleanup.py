"""Deleting what nobody needs any more: in small batches, so that nobody waits for it, and by one replica at a time."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import anyio
import structlog

from auth_service.keys import repository as keys
from auth_service.login_throttling import repository as throttling
from auth_service.sessions import repository as sessions
from lightbox_shared.database import Database, WriteSession, try_lock

log = structlog.get_logger()

FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0
BATCH: Final = 500
PAUSE_SECONDS: Final = 0.05
"""Between two batches."""

_LOCK: Final = 0x6175_7468_0000_0004

Chore = Callable[[WriteSession, timedelta, int], Awaitable[int]]
"""Deletes up to so many rows that are older than an age; returns how many it deleted."""

CHORES: Final[dict[str, tuple[Chore, timedelta]]] = {
    # Their refresh tokens and API keys go with them.
    "sessions": (sessions.delete_expired, timedelta(days=1)),
    "guesses": (throttling.delete_untouched, timedelta(days=1)),
    "familiar_addresses": (throttling.delete_unseen, timedelta(days=90)),
    "signing_keys": (keys.delete_retired, timedelta(days=90)),
}


class Cleanup:
    """What `CHORES` says, again and again."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    async def keep_house(self) -> None:
        """For ever, soon after the start and then every hour; what goes wrong is logged, and tried again."""
        await anyio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                await self.clean()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go well
                log.warning("could not delete what is old", error=str(error) or type(error).__name__)
            await anyio.sleep(EVERY_SECONDS)

    async def clean(self) -> dict[str, int]:
        """Delete all that is old enough; how much of each. Leaves it where another replica is at it."""
        deleted = {name: await self._delete_all(chore, age) for name, (chore, age) in CHORES.items()}
        if any(deleted.values()):
            log.info("deleted what is old", **deleted)
        return deleted

    async def _delete_all(self, chore: Chore, age: timedelta) -> int:
        total = 0
        while True:
            async with self._database.writing() as session:
                if not await try_lock(session, _LOCK):
                    return total
                deleted = await chore(session, age, self._batch)
            total += deleted
            if deleted < self._batch:
                return total
            await anyio.sleep(PAUSE_SECONDS)
