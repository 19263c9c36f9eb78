"""Changing and deleting accounts: what holds for every change, whether a person or the command line makes it.

- There is always an administrator. A transaction that changes an authority or deletes an account takes one lock for all
  accounts first, so that no two of them decide at the same time.
- A change of the password, the loss of an authority and the deletion of an account end its sessions, in the same
  transaction.
- Each change is in the audit trail. The entry names the fields that were changed, and values for authorities alone.

Who may make a change is checked before: by `accounts.authorization` for people, by the operating system for the command
line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from auth_service.accounts import repository
from auth_service.accounts.errors import AccountNotFound, LastAdministrator
from auth_service.accounts.models import Account
from auth_service.accounts.registration import claim_look
from auth_service.accounts.usernames import clean_username, username_key
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


@dataclass(frozen=True, slots=True)
class Change:
    """New values of an account; None leaves a value as it is. All of them have been validated."""

    username: str | None = None
    password_hash: str | None = field(default=None, repr=False)
    authority: Authority | None = None
    profile: Mapping[str, str | None] = field(default_factory=dict)
    """New values of `nickname`, `email` and `photo`; None takes the old value away."""


class AccountChanges:
    """Every method belongs to the transaction of its caller."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def set_authority(
        self, session: WriteSession, account_id: int, authority: Authority, source: RequestSource, *, actor: str
    ) -> Account:
        """Give an account another authority. Raises `AccountNotFound` and `LastAdministrator`."""
        await self.lock_authorities(session)
        account = await self.lock(session, account_id)
        return await self.change(session, account, Change(authority=authority), source, actor=actor)

    async def set_password(
        self, session: WriteSession, account_id: int, password_hash: str, source: RequestSource, *, actor: str
    ) -> Account:
        """Give an account another password, by its hash. Raises `AccountNotFound`."""
        account = await self.lock(session, account_id)
        return await self.change(session, account, Change(password_hash=password_hash), source, actor=actor)

    async def delete(self, session: WriteSession, account_id: int, source: RequestSource, *, actor: str) -> None:
        """Delete an account, and end its sessions and API keys. Its id is not used again; its name is free. Raises
        `AccountNotFound` and `LastAdministrator`."""
        await self.lock_authorities(session)
        account = await self.lock(session, account_id)
        await self._keep_an_administrator(session, account)
        await self._sessions.revoke_all(session, account.id, api_keys=True)
        await repository.remove(session, account.id)
        await record(session, Action.ACCOUNT_DELETED, source, actor=actor, account_id=account.id)

    async def lock_authorities(self, session: WriteSession) -> None:
        """Let no other transaction change authorities until this one has ended. Call it before anything else in it."""
        await repository.lock_authorities(session)

    async def lock(self, session: WriteSession, account_id: int) -> Account:
        """The account as it is now, locked until the end of the transaction. Raises `AccountNotFound`, also for the
        reserved account."""
        account = await repository.lock(session, account_id)
        if account is None:
            raise AccountNotFound
        return account

    async def change(
        self, session: WriteSession, account: Account, change: Change, source: RequestSource, *, actor: str
    ) -> Account:
        """Change an account that is locked; the authorities have to be locked too if its authority changes. Raises
        `UsernameTaken`, `UsernameLooksAlike` and `LastAdministrator`."""
        before = Authority(account.authority)
        values = _differences(account, change)
        if not values:
            return account
        if change.username is not None and "username" in values:
            values["skeletons"] = await claim_look(session, change.username, except_id=account.id)
        if "authority" in values:
            await self._keep_an_administrator(session, account)
        changed = await repository.change(session, account.id, values)
        # An account that waited for approval could do nothing, so its sessions may go on with the new authority.
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
    """The columns that get another value."""
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
    """The entries of the audit trail for a change."""
    fields = sorted({"username", "nickname", "email", "photo"} & values.keys())
    if fields:
        yield Action.ACCOUNT_CHANGED, {"fields": fields}
    if "password_hash" in values:
        yield Action.PASSWORD_CHANGED, {}
    authority = values.get("authority")
    if isinstance(authority, Authority):
        yield Action.AUTHORITY_CHANGED, {"old": int(before), "new": int(authority)}
        if authority is Authority.ADMIN:
            yield Action.ADMINISTRATOR_MADE, {}
