"""A key for a token: what gateways ask for on behalf of whoever sends the key.

Services never see a key. The token lives for `service.TOKEN_LIFETIME`, has the key's scope and device and the authority
that the account has at this moment, and belongs to the session that the key is: a revocation reaches the gateways with
all others (`sessions/repository.py`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.api_keys import repository
from auth_service.api_keys.errors import InvalidApiKey
from auth_service.api_keys.models import ApiKey
from auth_service.audit.trail import Action, record
from auth_service.request_source import RequestSource
from auth_service.sessions.service import OpenedSession, Sessions
from lightbox_shared.auth import api_keys
from lightbox_shared.database import Database

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class KeyExchange:
    """Mostly one query: that a key was used is noted once a minute, and when its address changes. `clock` gives seconds
    since the epoch."""

    def __init__(self, database: Database, sessions: Sessions, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock

    async def exchange(self, key: str, source: RequestSource) -> OpenedSession:
        """A token for a client at `source`. Raises `InvalidApiKey`."""
        if not api_keys.is_well_formed(key):
            raise InvalidApiKey
        async with self._database.reading() as session:
            found = await repository.find_by_hash(session, api_keys.digest(key))
        if found is None:
            raise InvalidApiKey
        stored, account = found
        opened = self._sessions.issue(stored.login, account, device_id=stored.row.device_id)
        if opened.expires_in <= 0:
            raise InvalidApiKey
        if self._is_news(stored.row, source):
            await self._note(stored.row.session_id, source)
        return opened

    def _is_news(self, row: ApiKey, source: RequestSource) -> bool:
        if row.last_used_at is None or row.last_used_address != source.address:
            return True
        return self._now() - row.last_used_at >= USE_NOTED_EVERY

    async def _note(self, key_id: int, source: RequestSource) -> None:
        """In the row; and in the audit trail the first use, that of a new day (UTC), and that of a new address."""
        async with self._database.writing() as session:
            row = await repository.lock(session, key_id)
            # Another gateway may have noted it meanwhile, or the account was deleted.
            if row is None or not self._is_news(row, source):
                return
            now, last = self._now(), row.last_used_at
            moved = row.last_used_address != source.address
            row.last_used_at, row.last_used_address = now, source.address
            await session.flush()
            if last is None or moved or last.astimezone(UTC).date() != now.date():
                await record(session, Action.API_KEY_USED, source, account_id=row.account_id, key_id=key_id)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
