"""The client for pictures of the gallery, which belong to imagehub-service."""

from typing import Protocol

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient


class Gallery(Protocol):
    """A source of pictures that a gallery shows."""

    async def picture(self, picture_id: int) -> bytes:
        """The bytes of a picture as it came. Raises `NotFound` and `Unavailable`."""
        ...


class ImageHub(ServiceClient):
    """The gallery at the paths `/internal/pictures` of imagehub-service."""

    async def picture(self, picture_id: int) -> bytes:
        """See `Gallery.picture`."""
        answer = await self.get(f"/internal/pictures/{picture_id}")
        if answer.status_code == 404:
            raise NotFound
        if answer.status_code != 200:
            raise Unavailable("imagehub-service does not give the picture.")
        return answer.content
