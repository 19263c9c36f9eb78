"""Thumbnails, rendered when they are requested and cached."""

from contextlib import suppress
from functools import partial
from typing import Final

from anyio import CapacityLimiter, to_thread
from cachetools import LRUCache

from core_collection_service.pictures.errors import NoThumbnail
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.thumbnails.rendering import Box, Thumbnail, render_thumbnail
from lightbox_shared.images import PictureError

CACHE_BYTES: Final = 64 * 1024 * 1024


class Thumbnails:
    """Renders thumbnails in threads, and keeps those that were requested last. Safe to use from many tasks of one event
    loop."""

    def __init__(
        self, storage: PictureStorage, *, preparing: CapacityLimiter, max_pixels: int, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._storage = storage
        self._preparing = preparing
        self._max_pixels = max_pixels
        # As many as threads, so that requests that wait for a thread hold no bytes of pictures.
        self._turns = CapacityLimiter(preparing.total_tokens)
        self._cache: LRUCache[tuple[int, Box], Thumbnail] = LRUCache(cache_bytes, getsizeof=_size)
        self.rendered = 0
        """Thumbnails that were rendered since the start."""

    async def get(self, record: PictureRecord, box: Box) -> Thumbnail:
        """The thumbnail of a picture. Raises `NoThumbnail`, and `NoSuchPicture` if the picture has been deleted."""
        return self._cache.get((record.id, box)) or await self._render(record, box)

    async def _render(self, record: PictureRecord, box: Box) -> Thumbnail:
        async with self._turns:
            found = self._cache.get((record.id, box))  # another request may have rendered it meanwhile
            if found is not None:
                return found
            stored = await self._storage.stored(record)
            work = partial(render_thumbnail, stored, record, box, max_pixels=self._max_pixels)
            try:
                thumbnail = await to_thread.run_sync(work, limiter=self._preparing)
            except PictureError as error:
                raise NoThumbnail(f"The picture has no thumbnail. {error}") from error
            self.rendered += 1
            with suppress(ValueError):  # it is larger than the cache
                self._cache[record.id, box] = thumbnail
            return thumbnail

    @property
    def cached_bytes(self) -> int:
        """The size of the cache at this moment."""
        return int(self._cache.currsize)


def _size(thumbnail: Thumbnail) -> int:
    return len(thumbnail.data)
