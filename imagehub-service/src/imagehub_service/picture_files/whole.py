"""Whole pictures, as browsers show them: the file itself without its metadata, or the preview that was made of it.

Metadata are left out without decoding (`lightbox_shared.images.metadata`). Where they are in a file is found out once;
after that its parts are read from where they are stored, a chunk at a time for large files.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final, NamedTuple

from anyio import CapacityLimiter
from cachetools import LRUCache

from imagehub_service.picture_files.decoded import BUSY, MAX_WAITING
from imagehub_service.renditions.stored_picture import StoredPicture
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable
from lightbox_shared.images import MediaType, sniff
from lightbox_shared.images.display import orientation_of_jpeg
from lightbox_shared.images.metadata import Part, assembled, cut, parts_without_metadata, size_of
from lightbox_shared.storage.blobs import Blobs

CHUNK_BYTES: Final = 1024 * 1024
_WITH_METADATA: Final = frozenset({MediaType.JPEG, MediaType.PNG, MediaType.WEBP, MediaType.GIF})
_KEPT_LAYOUTS: Final = 10_000


class Layout(NamedTuple):
    """Which bytes of a blob make a file."""

    digest: bytes
    parts: tuple[Part, ...]
    media_type: MediaType

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return size_of(self.parts)


class WholePictures:
    """Reads whole pictures. Opens sessions of its own. Safe to use from many tasks of one event loop."""

    def __init__(
        self, database: Database, blobs: Blobs, threads: BoundedThreads, *, at_once: int, keep_metadata: bool
    ) -> None:
        """`at_once` files are in memory at a time, to find out where their metadata are."""
        self._database = database
        self._blobs = blobs
        self._threads = threads
        self._keep_metadata = keep_metadata
        self._layouts: LRUCache[bytes, Layout] = LRUCache(_KEPT_LAYOUTS)
        # Files wait in the database, and not in memory, until there is a thread that looks through them.
        self._turns = CapacityLimiter(at_once)
        self._flights: SingleFlight[bytes, Layout] = SingleFlight()

    def etag(self, picture: StoredPicture) -> str:
        """The entity tag of the whole picture, without quotes."""
        if picture.preview_sha256 is not None:
            return picture.preview_sha256.hex()
        return picture.sha256.hex() if self._keep_metadata else f"{picture.sha256.hex()}-bare"

    async def layout(self, picture: StoredPicture) -> Layout:
        """The file that shows the picture. Raises `Unavailable` if too many wait."""
        digest = picture.preview_sha256 or picture.sha256
        found = self._layouts.get(digest)
        if found is None:
            found = await self._flights.run(digest, partial(self._new_layout, picture, digest))
            self._layouts[digest] = found
        return found

    async def close(self) -> None:
        """Cancel what is being looked through."""
        await self._flights.close()

    @staticmethod
    def original(picture: StoredPicture) -> Layout:
        """The file as it came."""
        return Layout(picture.sha256, (range(picture.size),), MediaType(picture.media_type))

    async def opened(self, picture: StoredPicture, *, chunk_bytes: int) -> tuple[str, AsyncIterator[bytes]]:
        """The media type of the whole picture, and its bytes in chunks. Raises `Unavailable` if too many wait."""
        layout = await self.layout(picture)
        return layout.media_type, self.chunks(layout, range(layout.size), chunk_bytes=chunk_bytes)

    async def read(self, layout: Layout, wanted: range) -> bytes:
        """The bytes of a file at the positions `wanted`."""
        parts = cut(layout.parts, wanted)
        stored = [part for part in parts if isinstance(part, range)]
        if not stored:
            return assembled(parts, b"")
        span = range(stored[0].start, stored[-1].stop)
        async with self._database.reading() as session:
            data = await self._blobs.part(session, layout.digest, span)
        return assembled(parts, data, offset=span.start)

    async def chunks(self, layout: Layout, wanted: range, *, chunk_bytes: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """The same in chunks, so that a client that does not read them holds one."""
        for start in range(wanted.start, wanted.stop, chunk_bytes):
            yield await self.read(layout, range(start, min(start + chunk_bytes, wanted.stop)))

    async def _new_layout(self, picture: StoredPicture, digest: bytes) -> Layout:
        if picture.preview_sha256 is not None:
            async with self._database.reading() as session:
                size = await self._blobs.size(session, digest)
                first_bytes = await self._blobs.part(session, digest, range(16))
            return Layout(digest, (range(size),), sniff(first_bytes))
        media_type = MediaType(picture.media_type)
        if self._keep_metadata or media_type not in _WITH_METADATA:
            return self.original(picture)
        if self._turns.statistics().tasks_waiting >= MAX_WAITING:
            raise Unavailable(BUSY)
        async with self._turns:
            async with self._database.reading() as session:
                data = await self._blobs.get(session, digest)
            parts = await self._threads.run(partial(_bare_parts, data, media_type))
        return Layout(digest, parts, media_type)


def _bare_parts(data: bytes, media_type: MediaType) -> tuple[Part, ...]:
    orientation = orientation_of_jpeg(data) if media_type is MediaType.JPEG else 1
    return parts_without_metadata(data, media_type, orientation=orientation)
