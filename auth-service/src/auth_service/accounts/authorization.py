"""Looking at, making, changing and deleting accounts on behalf of who asks: `rules` decide, `management` does.

The rules are asked twice: before a password is hashed, which is work that nobody should have for the asking, and again
inside the transaction, where the account is locked. The caller is not: a change that begins while somebody demotes the
caller comes before or after that, as if the two had not met.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from auth_service.accounts import repository, rules
from auth_service.accounts.changes import AccountChanges, Change, find
from auth_service.accounts.errors import AccountNotFound, UsernameTaken
from auth_service.accounts.models import Account
from auth_service.accounts.names import LONGEST_TYPED_USERNAME, clean_username, username_key, username_problem
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.registration import Accounts, Profile
from auth_service.audit.trail import Action, record
from auth_service.caller import Caller, still_signed_in
from auth_service.request_source import RequestSource
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import TooManyRequests, Unavailable

MOST_HASHING: Final = 2
"""Passwords that one caller has looked at or changed at the same time."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be; name, password and profile have been checked."""

    username: str
    password: str = field(repr=False)
    authority: Authority = Authority.NONE
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True, slots=True)
class Edit:
    """What somebody wants an account to become; None leaves it. All of it has been checked."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: Authority | None = None
    profile: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """Which accounts to list; None for all."""

    username: str | None = None
    authority: Authority | None = None

    @property
    def key(self) -> str | None:
        """What the name is compared by; "" for one that nobody can have."""
        if self.username is None:
            return None
        if len(self.username) > LONGEST_TYPED_USERNAME or username_problem(clean_username(self.username)):
            return ""
        return username_key(self.username)

    def covers(self, account: Account) -> bool:
        """Whether an account that has the name is on the list."""
        return account.id != ANONYMOUS_ACCOUNT and self.authority in {None, account.authority}


@dataclass(frozen=True, slots=True)
class AccountPage:
    """A part of a list."""

    accounts: Sequence[Account]
    total: int
    modified_at: datetime


class AccountAuthorization:
    """Every method raises what `rules` raise."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        accounts: Accounts,
        management: AccountChanges,
        *,
        self_registration: bool,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._accounts = accounts
        self._management = management
        self._self_registration = self_registration
        self._hashing: Counter[int] = Counter()

    async def see(self, session: ReadSession, caller: Caller, account_id: int) -> Account:
        """One account. Raises `AccountNotFound`."""
        rules.check_see(caller, account_id)
        account = await find(session, account_id)
        if account is None:
            raise AccountNotFound
        return account

    async def page(
        self, session: ReadSession, caller: Caller, search: Search, *, offset: int, limit: int
    ) -> AccountPage:
        """A part of the list, in the order of ids."""
        rules.check_list(caller, search.key)
        totals = await repository.totals(session, search.authority)
        if search.key is None:
            rows = await repository.listed(session, authority=search.authority, offset=offset, limit=limit)
            return AccountPage(rows, totals.total, totals.modified_at)
        named = await repository.find_by_key(session, search.key)
        found = [each for each in (named,) if each is not None and search.covers(each)]
        return AccountPage(found[offset:][:limit], len(found), totals.modified_at)

    def check_create(self, caller: Caller | None, authority: Authority = Authority.NONE) -> None:
        """Whether the caller may make such an account."""
        rules.check_create(caller, authority, self_registration=self._self_registration)

    async def create(
        self, session: WriteSession, caller: Caller | None, new: NewAccount, source: RequestSource
    ) -> Account:
        """Add an account. Raises `UsernameTaken`. Call it before anything else in the transaction."""
        self.check_create(caller, new.authority)
        if await self._accounts.is_taken(new.username):
            raise UsernameTaken
        account = await self._accounts.register(
            session, new.username, new.password, authority=new.authority, profile=new.profile
        )
        if caller is not None:
            caller = await still_signed_in(session, caller)
            self.check_create(caller, new.authority)
        actor = None if caller is None else caller.actor
        await record(session, Action.ACCOUNT_CREATED, source, actor=actor, account_id=account.id)
        return account

    async def edit(
        self, session: WriteSession, caller: Caller, account_id: int, edit: Edit, source: RequestSource
    ) -> Account:
        """Change an account. Raises `AccountNotFound` and `UsernameTaken`. Call it before anything else in the
        transaction."""
        password_hash, as_of = await self._new_hash(caller, account_id, edit)
        if edit.authority is not None:
            await self._management.lock_authorities(session)
        account = await self._management.locked(session, account_id)
        # After the lock: whoever had to wait there for a new password has lost the session meanwhile.
        caller = await still_signed_in(session, caller)
        rules.check_edit(caller, account_id)
        rules.check_authority(caller, account, edit.authority)
        if edit.password is not None and account.password_changed_at != as_of:
            raise Unavailable("The password of this account is being changed at the same moment.")
        change = Change(edit.username, password_hash, edit.authority, edit.profile)
        return await self._management.change(session, account, change, source, actor=caller.actor)

    async def delete(self, session: WriteSession, caller: Caller, account_id: int, source: RequestSource) -> None:
        """Delete an account. Raises `AccountNotFound`."""
        rules.check_delete(caller, account_id)
        await self._management.lock_authorities(session)
        account = await self._management.locked(session, account_id)
        caller = await still_signed_in(session, caller)
        rules.check_delete(caller, account_id, account)
        await self._management.delete(session, account.id, source, actor=caller.actor)

    async def _new_hash(self, caller: Caller, account_id: int, edit: Edit) -> tuple[str | None, datetime]:
        """The hash of the wanted password, None if it is the present one, and since when that one is. No connection is
        held meanwhile."""
        rules.check_edit(caller, account_id)
        async with self._database.reading() as session:
            account = await find(session, account_id)
        if account is None:
            raise AccountNotFound
        rules.check_authority(caller, account, edit.authority)
        if edit.password is None:
            return None, account.password_changed_at
        with self._one_of_few(caller):
            fits, _ = await self._passwords.verify(edit.password, account.password_hash)
            return None if fits else await self._passwords.hash(edit.password), account.password_changed_at

    @contextmanager
    def _one_of_few(self, caller: Caller) -> Iterator[None]:
        """Nobody keeps everybody else from signing in by changing a password again and again. Raises
        `TooManyRequests`."""
        if self._hashing[caller.id] >= MOST_HASHING:
            raise TooManyRequests("Too many passwords are being changed at the same time.", retry_after=1)
        self._hashing[caller.id] += 1
        try:
            yield
        finally:
            self._hashing[caller.id] -= 1
            self._hashing += Counter()  # forgets whoever is at zero
