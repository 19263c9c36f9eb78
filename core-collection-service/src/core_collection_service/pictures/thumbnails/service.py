"""Thumbnails, rendered when they are requested and cached."""

from contextlib import suppress
from functools import partial
from typing import Final

from cachetools import LRUCache

from core_collection_service.pictures.errors import NoThumbnail
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.storage.encodings import Encoded, decode
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.thumbnails.rendering import Box, Thumbnail, render_thumbnail
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.images import PictureError

CACHE_BYTES: Final = 64 * 1024 * 1024


class Thumbnails:
    """Renders thumbnails in threads of their own, each once for all who ask for it at the same time, and keeps those
    that were requested last. Safe to use from many tasks of one event loop; `await close()` at its end."""

    def __init__(
        self, storage: PictureStorage, *, threads: DecodingThreads, max_pixels: int, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._storage = storage
        self._threads = threads
        self._max_pixels = max_pixels
        self._flights: SingleFlight[tuple[int, Box], Thumbnail] = SingleFlight()
        self._cache: LRUCache[tuple[int, Box], Thumbnail] = LRUCache(cache_bytes, getsizeof=_size)
        self.rendered = 0
        """Thumbnails that were rendered since the start."""

    async def get(self, record: PictureRecord, box: Box) -> Thumbnail:
        """The thumbnail of a picture. Raises `NoThumbnail`, `NoSuchPicture` if the picture has been deleted, and
        `Unavailable` if too many thumbnails are asked for."""
        key = record.id, box
        return self._cache.get(key) or await self._flights.run(key, partial(self._render, record, box))

    async def close(self) -> None:
        """Cancel what is being rendered."""
        await self._flights.close()

    async def _render(self, record: PictureRecord, box: Box) -> Thumbnail:
        async with self._threads.turn() as turn:  # so that requests that wait for a thread hold no bytes of pictures
            stored = await self._storage.stored(record)
            data = await turn.run(partial(decode, stored, record.size))
            work = partial(render_thumbnail, Encoded(data, None), record, box, max_pixels=self._max_pixels)
            try:
                thumbnail = await turn.decode(data, work, min_size=(2 * box.width, 2 * box.height))
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
