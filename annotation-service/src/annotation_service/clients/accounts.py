"""The client for accounts, which belong to auth-service."""

from typing import Protocol

from pydantic import BaseModel

from lightbox_shared.errors import Unavailable
from lightbox_shared.http import ServiceClient

PAGE = 1000


class ChangedAccount(BaseModel):
    """An account after its last change."""

    id: int
    username: str
    nickname: str | None
    authority: int
    deleted: bool


class AccountChanges(BaseModel):
    """Accounts that have changed, and the cursor behind them."""

    accounts: list[ChangedAccount]
    next_cursor: str
    more: bool
    """Whether there are further changes already."""


class AccountSource(Protocol):
    """A source of accounts."""

    async def changes(self, cursor: str | None) -> AccountChanges:
        """The changes behind a cursor; all accounts without one. Raises `Unavailable`."""
        ...


class AuthServiceAccounts(ServiceClient):
    """The accounts of auth-service, at its path `/internal/accounts/changes`."""

    async def changes(self, cursor: str | None) -> AccountChanges:
        """See `AccountSource.changes`."""
        behind = {} if cursor is None else {"cursor": cursor}
        answer = await self.get("/internal/accounts/changes", limit=PAGE, **behind)
        if answer.status_code != 200:
            raise Unavailable("auth-service does not tell which accounts there are.")
        return AccountChanges.model_validate_json(answer.content)
