"""Exchanging a key for a token: gateways do that for every request with a key.

Services never see a key. The token lives for `service.TOKEN_LIFETIME`. It has the key's scope and device, and the
authority that the account has at this moment. It belongs to the login session that the key is, so the gateways learn of
a revoked key as of every other session that was revoked (`sessions/repository.py`).
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.api_keys import repository
from auth_service.api_keys.errors import InvalidApiKey
from auth_service.api_keys.models import ApiKey
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.request_source import RequestSource
from auth_service.sessions.service import IssuedToken, Sessions
from lightbox_shared.auth import api_keys
from lightbox_shared.database import Database

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class KeyExchange:
    """Normally an exchange is one query: the use of a key is stored once a minute, and when its address changes."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions

    async def exchange(self, key: str, source: RequestSource) -> IssuedToken:
        """A token for the client at `source`. Raises `InvalidApiKey`."""
        if not api_keys.is_well_formed(key):
            raise InvalidApiKey
        now = self._sessions.now()
        async with self._database.reading() as session:
            found = await repository.find_by_hash(session, api_keys.digest(key))
        if found is None:
            raise InvalidApiKey
        stored, account = found
        issued = self._sessions.issue(stored.login, account.authority, now=now, device_id=stored.row.device_id)
        if issued.expires_in <= 0:
            raise InvalidApiKey
        used_at = datetime.fromtimestamp(now, UTC)
        if _is_news(stored.row, used_at, source):
            await self._store_use(stored.row.session_id, used_at, source)
        return issued

    async def _store_use(self, key_id: int, used_at: datetime, source: RequestSource) -> None:
        """Store a use of the key. The first use, the first one of a day (UTC) and the first one from another address
        are also recorded in the audit trail."""
        async with self._database.writing() as session:
            row = await repository.lock(session, key_id)
            # Another gateway may have stored a use meanwhile, or the account was deleted.
            if row is None or not _is_news(row, used_at, source):
                return
            last, moved = row.last_used_at, row.last_used_address != source.address
            await repository.set_last_use(session, row, used_at, source.address)
            if last is None or moved or last.astimezone(UTC).date() != used_at.date():
                await record(session, Action.API_KEY_USED, source, account_id=row.account_id, key_id=key_id)


def _is_news(row: ApiKey, used_at: datetime, source: RequestSource) -> bool:
    if row.last_used_at is None or row.last_used_address != source.address:
        return True
    return used_at - row.last_used_at >= USE_NOTED_EVERY
