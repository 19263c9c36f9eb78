"""The rules of API keys: who may have how many, for what and for how long, and how they end. What becomes of one that
is used is in `exchange`. Nobody but its owner ever has the key itself: the database has its digest."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from auth_service.accounts import repository as accounts
from auth_service.accounts.models import Account
from auth_service.api_keys import repository
from auth_service.api_keys.errors import TooManyApiKeys
from auth_service.api_keys.models import ApiKey
from auth_service.api_keys.repository import StoredKey
from auth_service.audit.trail import Action, record
from auth_service.caller import Caller, still_signed_in
from auth_service.request_source import RequestSource
from auth_service.sessions.service import API_KEY_CLIENT, Client, Sessions
from lightbox_shared.auth import api_keys
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.pagination import Page, PageRequest

MOST_LIVE_KEYS: Final = 100
TOKEN_LIFETIME: Final = timedelta(seconds=90)
HINT_LENGTH: Final = len(api_keys.PREFIX) + 6


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A key that was just made."""

    key: str = field(repr=False)
    """Itself; shown once, and kept nowhere."""
    stored: StoredKey

    @property
    def row(self) -> ApiKey:
        """What is kept of it."""
        return self.stored.row


class ApiKeys:
    """Makes keys and ends them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(  # noqa: PLR0917 - what a key is, in the order in which one would say it
        self,
        session: WriteSession,
        account: Account,
        name: str,
        scopes: Iterable[Scope],
        lifetime: timedelta,
        source: RequestSource,
        *,
        device_id: str | None = None,
        actor: str,
        caller: Caller | None = None,
    ) -> CreatedKey:
        """Make a key of an account, for at least one scope; with `device_id` one that speaks for this device alone.
        `caller` is who asks over HTTP. Raises `TooManyApiKeys`, `InvalidRequest` for a device without the scope to
        collect, and `NotFound` for an account that was deleted meanwhile."""
        wanted = frozenset(scopes)
        if not wanted:
            raise ValueError("a key without a scope would be one for the whole account")
        if device_id is not None and Scope.COLLECT not in wanted:
            raise InvalidRequest.of("device_id", "A key that is bound to a device needs the scope collect.")
        if await accounts.lock(session, account.id) is None:
            raise NotFound
        # After the lock: a key outlives a new password, so whoever had to wait for one there must not get a key.
        if caller is not None:
            await still_signed_in(session, caller)
        if await repository.count_live(session, account.id) >= MOST_LIVE_KEYS:
            raise TooManyApiKeys(MOST_LIVE_KEYS)
        scope = " ".join(scope for scope in Scope if scope in wanted)
        login = await self._sessions.add(
            session, account, Client(API_KEY_CLIENT, lifetime, TOKEN_LIFETIME), scope=scope
        )
        key = api_keys.make(secrets.token_bytes(api_keys.RANDOM_BYTES))
        row = ApiKey(
            session_id=login.id,
            account_id=account.id,
            name=name,
            hint=key[:HINT_LENGTH],
            key_hash=api_keys.digest(key),
            device_id=device_id,
        )
        await repository.insert(session, row)
        await record(
            session,
            Action.API_KEY_CREATED,
            source,
            actor=actor,
            account_id=account.id,
            key_id=login.id,
            scope=scope,
            days=lifetime.days,
            **({} if device_id is None else {"device_id": device_id}),
        )
        return CreatedKey(key, StoredKey(row, login))

    async def listed(
        self, session: ReadSession | WriteSession, account_id: int | None, page: PageRequest | None = None
    ) -> Page[StoredKey]:
        """The keys that work, newest first: of an account or of all, a page or all of them."""
        found = await repository.live(session, account_id, page)
        return Page(found, None) if page is None else Page.of(found, page, lambda key: key.row.session_id)

    async def find(
        self, session: ReadSession | WriteSession, key_id: int, *, account_id: int | None = None
    ) -> StoredKey:
        """A key that works; of `account_id`, if one is given. Raises `NotFound`."""
        found = await repository.find_live(session, key_id)
        if found is None or account_id not in {None, found.row.account_id}:
            raise NotFound
        return found

    async def revoke(
        self, session: WriteSession, key_id: int, source: RequestSource, *, actor: str, account_id: int | None = None
    ) -> None:
        """End a key; one of `account_id`, if that is given. Raises `NotFound`, also when it has ended already."""
        owner = (await self.find(session, key_id, account_id=account_id)).row.account_id
        if not await self._sessions.revoke(session, owner, key_id):
            raise NotFound
        await record(session, Action.API_KEY_REVOKED, source, actor=actor, account_id=owner, key_id=key_id)
