"""The client for the photos of accounts; accounts belong to auth-service."""

from typing import Protocol

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient


class AccountPhotos(Protocol):
    """Where it is kept which photo an account has."""

    async def set_photo(self, account_id: int, name: str) -> None:
        """Make the photo of this name that of the account. Raises `NotFound` if there is no such account, and
        `Unavailable`."""
        ...


class AuthServicePhotos(ServiceClient):
    """The photos of auth-service's accounts, at its path `/internal/accounts/{id}/photo`."""

    async def set_photo(self, account_id: int, name: str) -> None:
        """See `AccountPhotos.set_photo`."""
        answer = await self.put(f"/internal/accounts/{account_id}/photo", {"photo": name})
        if answer.status_code == 404:
            raise NotFound
        if not answer.is_success:
            raise Unavailable("auth-service did not take the photo.")
