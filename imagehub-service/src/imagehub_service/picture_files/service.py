"""Pictures of the gallery as viewers ask for them: whole, or a part of them in another size and format."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.picture_files import repository
from imagehub_service.picture_files.decoded import BUSY, MAX_WAITING, DecodedPictures
from imagehub_service.picture_files.whole import WholePictures
from imagehub_service.renditions.rendering import Rendition, render, rendering_memory
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.database import Database
from lightbox_shared.errors import NotFound
from lightbox_shared.images.encoding import EncodedPicture
from lightbox_shared.storage.blobs import Blobs


class Renditions:
    """Finds pictures, and renders them in threads. Use it as `async with Renditions.open(...)`. It opens sessions of
    its own; safe to use from many tasks of one event loop."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        *,
        threads: int,
        decoding: DecodingBudget,
        max_pixels: int,
        decoded_bytes: int,
        keep_metadata: bool,
    ) -> None:
        self._database = database
        self._decoding = decoding
        self._threads = BoundedThreads(threads, max_waiting=MAX_WAITING, busy=BUSY)
        self._flights: SingleFlight[tuple[bytes, Rendition], EncodedPicture] = SingleFlight()
        self.files = WholePictures(database, blobs, self._threads, at_once=threads, keep_metadata=keep_metadata)
        decoders = DecodingThreads(decoding, threads, max_pixels=max_pixels, max_waiting=MAX_WAITING, busy=BUSY)
        self.decoded = DecodedPictures(database, blobs, decoders, limit=decoded_bytes)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database: Database,
        blobs: Blobs,
        *,
        threads: int,
        decoding: DecodingBudget,
        max_pixels: int,
        decoded_bytes: int,
        keep_metadata: bool,
    ) -> AsyncIterator[Self]:
        """Those of a service, until it stops. `threads` pictures are decoded at a time, within the budget `decoding`,
        and as many are encoded; `decoded_bytes` of decoded ones are kept in memory."""
        made = cls(
            database,
            blobs,
            threads=threads,
            decoding=decoding,
            max_pixels=max_pixels,
            decoded_bytes=decoded_bytes,
            keep_metadata=keep_metadata,
        )
        try:
            yield made
        finally:
            await made._flights.close()
            await made.decoded.close()
            await made.files.close()

    async def find(self, picture_id: int) -> Picture:
        """The picture with this id. Raises `NotFound`."""
        async with self._database.reading() as session:
            picture = await repository.find(session, picture_id)
        if picture is None:
            raise NotFound
        return picture

    async def render(self, picture: Picture, rendition: Rendition) -> EncodedPicture:
        """A rendition of a picture, made once for all who ask for it at the same time. Raises `Unavailable` if too many
        wait."""
        key = picture.preview_sha256 or picture.sha256, rendition
        return await self._flights.run(key, partial(self._render, picture, rendition))

    async def _render(self, picture: Picture, rendition: Rendition) -> EncodedPicture:
        shown = await self.decoded.get(picture, rendition.reduction)
        async with self._decoding.reserve(rendering_memory(shown, rendition)):
            return await self._threads.run(partial(render, shown, rendition))
