"""The client for pictures of the collection, which belong to core-collection-service."""

from typing import Protocol

import httpx

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient


class Collection(Protocol):
    """A source of pictures that devices have sent.

    Both methods raise `NotFound` if there is no such picture, or it belongs to another device than `bound_to`, where
    that is not None; and `Unavailable`.
    """

    async def picture(self, collection: str, picture_id: int, *, bound_to: str | None) -> bytes:
        """The bytes of a picture as its device sent it."""
        ...

    async def picture_of_device(
        self, collection: str, *, device_id: str, timestamp: str, bound_to: str | None
    ) -> bytes:
        """The same for the picture that a device took at a time, in ISO 8601."""
        ...


class CoreCollection(ServiceClient):
    """The collection at the paths `/internal/pictures` of core-collection-service."""

    async def picture(self, collection: str, picture_id: int, *, bound_to: str | None) -> bytes:
        """See `Collection.picture`."""
        return _bytes(await self.get(f"/internal/pictures/{collection}/{picture_id}", **_binding(bound_to)))

    async def picture_of_device(
        self, collection: str, *, device_id: str, timestamp: str, bound_to: str | None
    ) -> bytes:
        """See `Collection.picture_of_device`."""
        at = {"deviceId": device_id, "timestamp": timestamp, **_binding(bound_to)}
        return _bytes(await self.get(f"/internal/pictures/{collection}", **at))


def _binding(bound_to: str | None) -> dict[str, str]:
    return {} if bound_to is None else {"bound_to": bound_to}


def _bytes(answer: httpx.Response) -> bytes:
    if answer.status_code in {400, 404, 422}:
        raise NotFound
    if answer.status_code != 200:
        raise Unavailable("core-collection-service does not give the picture.")
    return answer.content
