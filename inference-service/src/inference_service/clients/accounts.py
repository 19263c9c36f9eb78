"""What this service asks auth-service about accounts."""

from typing import Protocol

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient


class AccountDirectory(Protocol):
    """Names by account id."""

    async def username(self, account_id: int) -> str:
        """Raises `NotFound`, or `Unavailable` when nobody answers."""
        ...


class AuthServiceAccounts(ServiceClient):
    """auth-service's `/internal/accounts/{id}`."""

    async def username(self, account_id: int) -> str:
        """See `AccountDirectory.username`."""
        answer = await self.get(f"/internal/accounts/{account_id}")
        if answer.status_code == 404:
            raise NotFound
        if answer.status_code != 200:
            raise Unavailable("auth-service refused to say whose account this is.")
        username: str = answer.json()["username"]
        return username
