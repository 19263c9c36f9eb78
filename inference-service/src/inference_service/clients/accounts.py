"""The client for accounts, which belong to auth-service."""

from typing import Protocol

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient


class AccountDirectory(Protocol):
    """A source of usernames."""

    async def username(self, account_id: int) -> str:
        """The username of an account. Raises `NotFound`, and `Unavailable` if auth-service does not answer."""
        ...


class AuthServiceAccounts(ServiceClient):
    """The account directory of auth-service, at its path `/internal/accounts/{id}`."""

    async def username(self, account_id: int) -> str:
        """See `AccountDirectory.username`."""
        answer = await self.get(f"/internal/accounts/{account_id}")
        if answer.status_code == 404:
            raise NotFound
        if answer.status_code != 200:
            raise Unavailable("auth-service refused to say whose account this is.")
        username: str = answer.json()["username"]
        return username
