"""Whole pictures, as browsers show them: the file itself without its metadata, or the preview that was made of it.

Metadata are left out without decoding (`lightbox_shared.images.metadata`). Where they are in a file is found out once;
after that its parts are read from where they are stored, a chunk at a time for large files.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final, NamedTuple

from cachetools import LRUCache

from imagehub_service.renditions.stored_picture import StoredPicture
from lightbox_shared.blobs import Blobs
from lightbox_shared.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from lightbox_shared.images import MediaType, sniff
from lightbox_shared.images.display import orientation_of_jpeg
from lightbox_shared.images.encoding import EncodedPicture
from lightbox_shared.images.metadata import Part, assembled, cut, parts_without_metadata, size_of

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

    def __init__(self, database: Database, blobs: Blobs, threads: BoundedThreads, *, keep_metadata: bool) -> None:
        self._database = database
        self._blobs = blobs
        self._threads = threads
        self._keep_metadata = keep_metadata
        self._layouts: LRUCache[bytes, Layout] = LRUCache(_KEPT_LAYOUTS)

    def etag(self, picture: StoredPicture) -> str:
        """The entity tag of the whole picture, without quotes."""
        if picture.preview_sha256 is not None:
            return picture.preview_sha256.hex()
        return picture.sha256.hex() if self._keep_metadata else f"{picture.sha256.hex()}-bare"

    async def layout(self, picture: StoredPicture) -> Layout:
        """The file that shows the picture."""
        digest = picture.preview_sha256 or picture.sha256
        found = self._layouts.get(digest)
        if found is None:
            found = self._layouts[digest] = await self._new_layout(picture, digest)
        return found

    @staticmethod
    def original(picture: StoredPicture) -> Layout:
        """The file as it came."""
        return Layout(picture.sha256, (range(picture.size),), MediaType(picture.media_type))

    async def encoded(self, picture: StoredPicture) -> EncodedPicture:
        """The bytes of the whole picture."""
        layout = await self.layout(picture)
        return EncodedPicture(await self.read(layout, range(layout.size)), layout.media_type)

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

    async def chunks(self, layout: Layout, wanted: range) -> AsyncIterator[bytes]:
        """The same in chunks, so that a client that does not read them holds one."""
        for start in range(wanted.start, wanted.stop, CHUNK_BYTES):
            yield await self.read(layout, range(start, min(start + CHUNK_BYTES, wanted.stop)))

    async def _new_layout(self, picture: StoredPicture, digest: bytes) -> Layout:
        if picture.preview_sha256 is not None:
            async with self._database.reading() as session:
                size = await self._blobs.size(session, digest)
                first_bytes = await self._blobs.part(session, digest, range(16))
            return Layout(digest, (range(size),), sniff(first_bytes))
        media_type = MediaType(picture.media_type)
        if self._keep_metadata or media_type not in _WITH_METADATA:
            return self.original(picture)
        async with self._database.reading() as session:
            data = await self._blobs.get(session, digest)
        parts = await self._threads.run(partial(_bare_parts, data, media_type))
        return Layout(digest, parts, media_type)


def _bare_parts(data: bytes, media_type: MediaType) -> tuple[Part, ...]:
    orientation = orientation_of_jpeg(data) if media_type is MediaType.JPEG else 1
    return parts_without_metadata(data, media_type, orientation=orientation)
