"""Deleting rows that are not needed any more, in small batches, so that no request waits for it, and by one replica at
a time."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import anyio
import structlog

from auth_service.authorization_codes import repository as authorization_codes
from auth_service.keys import repository as keys
from auth_service.login_throttling import repository as throttling
from auth_service.passkeys import repository as passkeys
from auth_service.sessions import repository as sessions
from lightbox_shared.database import Database, WriteSession, try_lock

log = structlog.get_logger()

FIRST_AFTER_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0
BATCH: Final = 500
PAUSE_SECONDS: Final = 0.05
"""Between two batches."""

_LOCK: Final = 0x6175_7468_0000_0004

Delete = Callable[[WriteSession, timedelta, int], Awaitable[int]]
"""Deletes rows that are older than an age, at most as many as the last argument says, and returns how many it
deleted."""

DELETIONS: Final[dict[str, tuple[Delete, timedelta]]] = {
    "sessions": (sessions.delete_expired, timedelta(days=1)),  # with their refresh tokens and API keys
    "authorization_codes": (authorization_codes.delete_expired, timedelta(days=31)),  # as long as its tokens may live
    "passkey_challenges": (passkeys.delete_expired, timedelta(0)),
    "guesses": (throttling.delete_untouched, timedelta(days=1)),
    "familiar_addresses": (throttling.delete_unseen, timedelta(days=90)),
    "signing_keys": (keys.delete_retired, timedelta(days=90)),
}


class Cleanup:
    """Deletes what `DELETIONS` says."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    async def clean(self) -> dict[str, int]:
        """Delete all rows that are old enough, unless another replica does so at the moment. Returns how many rows were
        deleted, by table."""
        deleted = {name: await self._delete_all(delete, age) for name, (delete, age) in DELETIONS.items()}
        if any(deleted.values()):
            log.info("deleted what is old", **deleted)
        return deleted

    async def _delete_all(self, delete: Delete, age: timedelta) -> int:
        total = 0
        while True:
            async with self._database.writing() as session:
                if not await try_lock(session, _LOCK):
                    return total
                deleted = await delete(session, age, self._batch)
            total += deleted
            if deleted < self._batch:
                return total
            await anyio.sleep(PAUSE_SECONDS)
