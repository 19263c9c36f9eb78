"""Changing and deleting accounts, whoever does it: what has to hold for all of them.

- There is always an administrator. Whatever changes an authority, or deletes, takes one lock for all accounts first.
- Whoever could act with an old password, an authority that is gone or a deleted account is signed out in the same
  transaction.
- Each change is in the audit trail: what changed, never from what to what, but for authorities.

Who may do it is asked before: by `rules` for people, by the operating system for the command line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auth_service.accounts import repository
from auth_service.accounts.errors import AccountNotFound, LastAdministrator
from auth_service.accounts.models import Account
from auth_service.accounts.names import clean_username, username_key
from auth_service.accounts.passwords import Passwords
from auth_service.audit.trail import Action, record
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Sessions
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority
from lightbox_shared.database import ReadSession, WriteSession

LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an account; None leaves it as it is. All of it has been checked."""

    username: str | None = None
    password_hash: str | None = field(default=None, repr=False)
    authority: Authority | None = None
    profile: Mapping[str, str | None] = field(default_factory=dict)
    """`nickname`, `email`, `photo`, each where it is given; here None takes it away."""


async def find(session: ReadSession | WriteSession, account_id: int) -> Account | None:
    """An account that is somebody's: not the reserved one."""
    if not ANONYMOUS_ACCOUNT < account_id <= LARGEST_ID:
        return None
    return await repository.find(session, account_id)


class AccountChanges:
    """Each method is called in the caller's transaction and belongs to it."""

    def __init__(self, passwords: Passwords, sessions: Sessions) -> None:
        self._passwords = passwords
        self._sessions = sessions

    async def set_authority(
        self, session: WriteSession, account_id: int, authority: Authority, source: RequestSource, *, actor: str
    ) -> Account:
        """Decide what an account may do. Raises `AccountNotFound` and `LastAdministrator`."""
        await self.lock_authorities(session)
        account = await self.locked(session, account_id)
        return await self.change(session, account, Change(authority=authority), source, actor=actor)

    async def set_password(
        self, session: WriteSession, account_id: int, password: str, source: RequestSource, *, actor: str
    ) -> Account:
        """Give an account another password, which has no `names.password_problem`. Raises `AccountNotFound`. Call it
        before anything else in the transaction: a connection is taken only after the password is hashed."""
        password_hash = await self._passwords.hash(password)
        account = await self.locked(session, account_id)
        return await self.change(session, account, Change(password_hash=password_hash), source, actor=actor)

    async def delete(self, session: WriteSession, account_id: int, source: RequestSource, *, actor: str) -> None:
        """Delete an account, and end its sessions and API keys at once. Its id is not given again; its name is free.
        Raises `AccountNotFound` and `LastAdministrator`."""
        await self.lock_authorities(session)
        account = await self.locked(session, account_id)
        await self._keep_an_administrator(session, account)
        await self._sessions.revoke_all(session, account.id, api_keys=True)
        await repository.remove(session, account.id)
        await record(session, Action.ACCOUNT_DELETED, source, actor=actor, account_id=account.id)

    async def lock_authorities(self, session: WriteSession) -> None:
        """One transaction at a time that changes who may do what. Before anything else in it."""
        await repository.lock_authorities(session)

    async def locked(self, session: WriteSession, account_id: int) -> Account:
        """An account that is somebody's as it is now, locked until the end of the transaction. Raises
        `AccountNotFound`."""
        known = ANONYMOUS_ACCOUNT < account_id <= LARGEST_ID
        account = await repository.lock(session, account_id) if known else None
        if account is None:
            raise AccountNotFound
        return account

    async def change(
        self, session: WriteSession, account: Account, change: Change, source: RequestSource, *, actor: str
    ) -> Account:
        """Change a `locked` account; for its authority, with the authorities locked before. Raises `UsernameTaken` and
        `LastAdministrator`."""
        before = Authority(account.authority)
        values = _differences(account, change)
        if not values:
            return account
        if "authority" in values:
            await self._keep_an_administrator(session, account)
        changed = await repository.change(session, account.id, values)
        # Who was waiting could do nothing, so an approval takes nothing away, and old tokens may become good for more.
        if "password_hash" in values or ("authority" in values and before is not Authority.NONE):
            await self._sessions.revoke_all(session, account.id)
        for action, details in _entries(values, before):
            await record(session, action, source, actor=actor, account_id=account.id, **details)
        return changed

    async def _keep_an_administrator(self, session: WriteSession, account: Account) -> None:
        if account.authority != Authority.ADMIN:
            return
        if not await repository.other_administrator_exists(session, account.id):
            raise LastAdministrator


def _differences(account: Account, change: Change) -> dict[str, object]:
    """The columns that become others."""
    wanted: dict[str, object] = dict(change.profile)
    if change.username is not None:
        username = clean_username(change.username)
        wanted |= {"username": username, "username_key": username_key(username)}
    if change.authority is not None:
        wanted["authority"] = change.authority
    values = {name: value for name, value in wanted.items() if getattr(account, name) != value}
    if change.password_hash is not None:
        values["password_hash"] = change.password_hash
    return values


def _entries(values: Mapping[str, object], before: Authority) -> Iterator[tuple[Action, dict[str, Any]]]:
    """What the audit trail says about a change."""
    fields = sorted({"username", "nickname", "email", "photo"} & values.keys())
    if fields:
        yield Action.ACCOUNT_CHANGED, {"fields": fields}
    if "password_hash" in values:
        yield Action.PASSWORD_CHANGED, {}
    authority = values.get("authority")
    if isinstance(authority, Authority):
        yield Action.AUTHORITY_CHANGED, {"old": int(before), "new": int(authority)}
