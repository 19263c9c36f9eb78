"""What a caller may do with accounts: TheYelda's rules, and the use cases that they apply to.

The rules are checked twice where a password is hashed: before that, so that a refused request costs nothing, and again
in the transaction, where the account is locked. The caller's own account is not locked: if an administrator takes the
caller's authority away at the same moment, the change comes before or after that, as two separate requests would.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from auth_service.accounts import errors, repository
from auth_service.accounts.changes import AccountChanges, Change
from auth_service.accounts.models import Account
from auth_service.accounts.registration import NewAccount, Registration
from auth_service.accounts.usernames import LONGEST_TYPED_USERNAME, clean_username, username_key, username_problem
from auth_service.audit.service import record_new_account
from auth_service.caller import Caller
from auth_service.passwords.hashing import Passwords
from auth_service.request_source import RequestSource
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority, Principal
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import InvalidToken, NotAuthenticated, TooManyRequests, Unavailable

MOST_HASHING: Final = 2
"""Passwords of one caller that are verified or hashed at the same time."""
PROFILE: Final = frozenset({"nickname", "email", "photo"})


@dataclass(frozen=True, slots=True)
class Edit:
    """What a caller wants to change in an account; None leaves a value as it is. All of it has been validated."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: Authority | None = None
    profile: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """From the fields that a request has; those that are absent stay."""
        profile = {name: value for name, value in fields.items() if name in PROFILE}
        return cls(fields.get("username"), fields.get("password"), fields.get("authority"), profile)


@dataclass(frozen=True, slots=True)
class Search:
    """Which accounts to list; None for all."""

    username: str | None = None
    authority: Authority | None = None

    @property
    def key(self) -> str | None:
        """The key of the name that is searched for; "" for a name that no account can have."""
        if self.username is None:
            return None
        if len(self.username) > LONGEST_TYPED_USERNAME or username_problem(clean_username(self.username)):
            return ""
        return username_key(self.username)

    def covers(self, account: Account) -> bool:
        """Whether an account with the name that is searched for is on the list."""
        return account.id != ANONYMOUS_ACCOUNT and self.authority in {None, account.authority}


@dataclass(frozen=True, slots=True)
class AccountPage:
    """A page of a list of accounts."""

    accounts: Sequence[Account]
    total: int
    """Accounts on all pages."""
    modified_at: datetime


class AccountAuthorization:
    """The use cases; each raises the errors of the rules below."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        registration: Registration,
        changes: AccountChanges,
        *,
        self_registration: bool,
    ) -> None:
        """With `self_registration` accounts can be made without an administrator."""
        self._database = database
        self._passwords = passwords
        self._registration = registration
        self._changes = changes
        self._self_registration = self_registration
        self._hashing: Counter[int] = Counter()

    async def caller(self, principal: Principal) -> Caller:
        """The account behind a token, as it is now. Raises `InvalidToken` if the token's session has ended."""
        async with self._database.reading() as session:
            return await _signed_in(session, principal.account, principal.session_id)

    async def see(self, session: ReadSession, caller: Caller, account_id: int) -> Account:
        """One account. Raises `AccountNotFound`."""
        check_see(caller, account_id)
        account = await repository.find_person(session, account_id)
        if account is None:
            raise errors.AccountNotFound
        return account

    async def page(
        self, session: ReadSession, caller: Caller, search: Search, *, offset: int, limit: int
    ) -> AccountPage:
        """A page of the accounts that are searched for, in the order of their ids."""
        check_list(caller, search.key)
        totals = await repository.totals(session, search.authority)
        if search.key is None:
            rows = await repository.listed(session, authority=search.authority, offset=offset, limit=limit)
            return AccountPage(rows, totals.total, totals.modified_at)
        named = await repository.find_by_key(session, search.key)
        found = [each for each in (named,) if each is not None and search.covers(each)]
        return AccountPage(found[offset:][:limit], len(found), totals.modified_at)

    def check_create(self, caller: Caller | None, authority: Authority = Authority.NONE) -> None:
        """Raises the error of `check_create` below, by the setting for self-registration."""
        check_create(caller, authority, self_registration=self._self_registration)

    async def create(self, caller: Caller | None, new: NewAccount, source: RequestSource) -> Account:
        """Make an account. Raises `UsernameTaken` and `UsernameLooksAlikeInYelda`."""
        self.check_create(caller, new.authority)
        with _in_words_of_yelda():
            prepared = await self._registration.prepare(new)
        async with self._database.writing() as session:
            with _in_words_of_yelda():
                account = await self._registration.insert(session, prepared)
            if caller is not None:
                self.check_create(await still_signed_in(session, caller), new.authority)
            actor = None if caller is None else caller.actor
            await record_new_account(
                session, source, account_id=account.id, authority=Authority(account.authority), actor=actor
            )
        return account

    async def edit(self, caller: Caller, account_id: int, edit: Edit, source: RequestSource) -> Account:
        """Change an account. Raises `AccountNotFound`, `UsernameTaken` and `UsernameLooksAlikeInYelda`."""
        password_hash, as_of = await self._new_hash(caller, account_id, edit)
        change = Change(edit.username, password_hash, edit.authority, edit.profile)
        async with self._database.writing() as session:
            if edit.authority is not None:
                await self._changes.lock_authorities(session)
            account = await self._changes.lock(session, account_id)
            # After the lock: a request that waited there for a change of the password has lost its session since.
            caller = await still_signed_in(session, caller)
            check_edit(caller, account_id)
            check_authority(caller, account, edit.authority)
            if edit.password is not None and account.password_changed_at != as_of:
                raise Unavailable("The password of this account is being changed at the same moment.")
            with _in_words_of_yelda():
                return await self._changes.change(session, account, change, source, actor=caller.actor)

    async def delete(self, session: WriteSession, caller: Caller, account_id: int, source: RequestSource) -> None:
        """Delete an account. Raises `AccountNotFound`."""
        check_delete(caller, account_id)
        await self._changes.lock_authorities(session)
        account = await self._changes.lock(session, account_id)
        caller = await still_signed_in(session, caller)
        check_delete(caller, account_id, account)
        await self._changes.delete(session, account.id, source, actor=caller.actor)

    async def _new_hash(self, caller: Caller, account_id: int, edit: Edit) -> tuple[str | None, datetime]:
        """The hash of the new password, None if the account has that password already; and since when the account has
        the password that it has."""
        check_edit(caller, account_id)
        async with self._database.reading() as session:
            account = await repository.find_person(session, account_id)
        if account is None:
            raise errors.AccountNotFound
        check_authority(caller, account, edit.authority)
        if edit.password is None:
            return None, account.password_changed_at
        with self._limit_hashing(caller):
            fits, _ = await self._passwords.verify(edit.password, account.password_hash)
            return None if fits else await self._passwords.hash(edit.password), account.password_changed_at

    @contextmanager
    def _limit_hashing(self, caller: Caller) -> Iterator[None]:
        """Keeps one caller from using the threads that hash passwords for itself alone. Raises `TooManyRequests`."""
        if self._hashing[caller.id] >= MOST_HASHING:
            raise TooManyRequests("Too many passwords are being changed at the same time.", retry_after=1)
        self._hashing[caller.id] += 1
        try:
            yield
        finally:
            self._hashing[caller.id] -= 1
            self._hashing += Counter()  # removes the counts that are zero


async def still_signed_in(session: WriteSession, caller: Caller) -> Caller:
    """The caller as the transaction sees it: since the request began its session may have ended, or its authority may
    have changed. Raises `InvalidToken`."""
    return await _signed_in(session, caller.id, caller.session_id)


async def _signed_in(session: ReadSession | WriteSession, account_id: int, session_id: int | None) -> Caller:
    found = await repository.find_signed_in(session, account_id, session_id)
    if found is None:
        raise InvalidToken
    account, login = found
    return Caller(
        account.id,
        account.username,
        Authority(account.authority),
        account.modified_at,
        login.id,
        login.authenticated_at,
    )


def check_see(caller: Caller, account_id: int) -> None:
    """Raises `CannotSeeOthers`."""
    if not caller.is_admin and caller.id != account_id:
        raise errors.CannotSeeOthers


def check_list(caller: Caller, key: str | None) -> None:
    """Raises `CannotListOthers`, except where the only account on the list, the one whose name has this key, is the
    caller's own."""
    if not caller.is_admin and username_key(caller.username) != key:
        raise errors.CannotListOthers


def check_create(caller: Caller | None, authority: Authority, *, self_registration: bool) -> None:
    """Raises `NotAuthenticated`, `CreatingNeedsAdministrator`, `CannotMakeAdministrators` or
    `CannotChangeAuthority`."""
    if caller is not None and caller.is_admin:
        if authority is Authority.ADMIN:
            raise errors.CannotMakeAdministrators
        return
    if not self_registration:
        raise NotAuthenticated if caller is None else errors.CreatingNeedsAdministrator
    if authority is not Authority.NONE:
        raise errors.CannotChangeAuthority


def check_edit(caller: Caller, account_id: int) -> None:
    """Whether the caller may change anything in the account. Raises `CannotEditOthers`."""
    if not caller.is_admin and caller.id != account_id:
        raise errors.CannotEditOthers


def check_authority(caller: Caller, account: Account, authority: Authority | None) -> None:
    """Whether the caller, who may change other things in the account, may give it this authority; None is no change.
    Raises `CannotChangeAuthority`, `CannotChangeOwnAuthority` or `CannotMakeAdministrators`."""
    if authority is None or authority == account.authority:
        return
    if not caller.is_admin:
        raise errors.CannotChangeAuthority
    if caller.id == account.id:
        raise errors.CannotChangeOwnAuthority
    if authority is Authority.ADMIN:
        raise errors.CannotMakeAdministrators


def check_delete(caller: Caller, account_id: int, account: Account | None = None) -> None:
    """Whether the caller may delete the account; without `account`, whether it may delete one with this id at all.
    Raises `CannotDeleteOthers` or `CannotDeleteAdministrators`."""
    if not caller.is_admin and caller.id != account_id:
        raise errors.CannotDeleteOthers
    if account is not None and account.authority == Authority.ADMIN:
        raise errors.CannotDeleteAdministrators


@contextmanager
def _in_words_of_yelda() -> Iterator[None]:
    try:
        yield
    except errors.UsernameLooksAlike as error:
        raise errors.UsernameLooksAlikeInYelda from error
