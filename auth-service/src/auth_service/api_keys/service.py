"""The rules of API keys: how many an account may have, for what and for how long, and how they end.

The database has the digest of a key only, so the key itself can't be shown again.
"""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from auth_service.accounts import repository as accounts
from auth_service.accounts.authorization import still_signed_in
from auth_service.api_keys import repository
from auth_service.api_keys.errors import TooManyApiKeys
from auth_service.api_keys.models import ApiKey
from auth_service.api_keys.repository import StoredKey
from auth_service.api_keys.schemas import NewApiKey
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.caller import Caller
from auth_service.config import API_KEY_CLIENT
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Client, Sessions
from lightbox_shared.auth import api_keys
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.responses.pagination import Page, PageRequest

MOST_LIVE_KEYS: Final = 100
DEVICE_NEEDS_COLLECT: Final = Sentence(
    "device-needs-collect", "A key that is bound to a device needs the scope collect."
)
TOKEN_LIFETIME: Final = timedelta(seconds=90)
HINT_LENGTH: Final = len(api_keys.PREFIX) + 6


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that was just made."""

    key: str = field(repr=False)
    """The key itself; it is not stored."""
    stored: StoredKey

    @property
    def row(self) -> ApiKey:
        """The row of the key."""
        return self.stored.row


class ApiKeys:
    """Makes keys and ends them, in the transaction of the caller."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(
        self,
        session: WriteSession,
        account_id: int,
        new: NewApiKey,
        source: RequestSource,
        *,
        actor: str,
        caller: Caller | None = None,
    ) -> CreatedKey:
        """Make a key of an account; `caller` is the account that asks over HTTP. Raises `TooManyApiKeys`,
        `InvalidRequest` for a device without the scope `collect`, and `NotFound` if the account was deleted."""
        if new.device_id is not None and Scope.COLLECT not in new.scopes:
            raise InvalidRequest.of("device_id", DEVICE_NEEDS_COLLECT)
        if await accounts.lock(session, account_id) is None:
            raise NotFound
        # After the lock: a key survives a change of the password, so a request that had to wait for one must not get a
        # key.
        if caller is not None:
            await still_signed_in(session, caller)
        if await repository.count_live(session, account_id) >= MOST_LIVE_KEYS:
            raise TooManyApiKeys(MOST_LIVE_KEYS)
        scope = " ".join(scope for scope in Scope if scope in new.scopes)
        client = Client(API_KEY_CLIENT, timedelta(days=new.expires_in_days), TOKEN_LIFETIME)
        login = await self._sessions.open(session, account_id, client, now=self._sessions.now(), scope=scope)
        key = api_keys.make(secrets.token_bytes(api_keys.RANDOM_BYTES))
        row = ApiKey(
            session_id=login.id,
            account_id=account_id,
            name=new.name,
            hint=key[:HINT_LENGTH],
            key_hash=api_keys.digest(key),
            device_id=new.device_id,
        )
        await repository.insert(session, row)
        await record(
            session,
            Action.API_KEY_CREATED,
            source,
            actor=actor,
            account_id=account_id,
            key_id=login.id,
            scope=scope,
            days=new.expires_in_days,
            **({} if new.device_id is None else {"device_id": new.device_id}),
        )
        return CreatedKey(key, StoredKey(row, login))

    async def listed(
        self, session: ReadSession | WriteSession, account_id: int | None, page: PageRequest | None = None
    ) -> Page[StoredKey]:
        """The keys that work, newest first: those of one account or of all, one page of them or all."""
        found = await repository.live(session, account_id, page)
        return Page(found, None) if page is None else Page.of(found, page, lambda key: key.row.session_id)

    async def find(
        self, session: ReadSession | WriteSession, key_id: int, *, account_id: int | None = None
    ) -> StoredKey:
        """The key with an id. Raises `NotFound` if it does not work, or is not one of `account_id`, if that is
        given."""
        found = await repository.find_live(session, key_id)
        if found is None or account_id not in {None, found.row.account_id}:
            raise NotFound
        return found

    async def revoke(
        self, session: WriteSession, key_id: int, source: RequestSource, *, actor: str, account_id: int | None = None
    ) -> None:
        """End a key. Raises `NotFound` as `find` does, so also if it has ended already."""
        owner = (await self.find(session, key_id, account_id=account_id)).row.account_id
        if not await self._sessions.revoke(session, owner, key_id):
            raise NotFound
        await record(session, Action.API_KEY_REVOKED, source, actor=actor, account_id=owner, key_id=key_id)
