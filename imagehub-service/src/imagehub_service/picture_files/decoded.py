"""Decoded pictures that are kept in memory, so that the tiles of a picture do not decode it once each."""

from functools import partial
from typing import Final, NamedTuple

from cachetools import LRUCache

from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.renditions.preparing import PICTURE_TYPES
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.database import Database
from lightbox_shared.images import MediaType
from lightbox_shared.images.display import ShownPicture, read_for_display
from lightbox_shared.storage.blobs import Blobs

MAX_WAITING: Final = 256
BUSY: Final = "Too many pictures are asked for at the moment."


class _Pixels(NamedTuple):
    digest: bytes
    reduction: int


class DecodedPictures:
    """Decodes pictures, each once at a time, and keeps those that were used last, at most `limit` bytes of them. Opens
    sessions of its own. Used by one event loop."""

    def __init__(self, database: Database, blobs: Blobs, threads: DecodingThreads, *, limit: int) -> None:
        self._database = database
        self._blobs = blobs
        self._threads = threads
        self._flights: SingleFlight[_Pixels, ShownPicture] = SingleFlight()
        self._kept: LRUCache[_Pixels, ShownPicture] = LRUCache(limit, getsizeof=_bytes_of)
        self.decoded = 0
        """Pictures that were decoded since the start."""

    async def get(self, picture: Picture, reduction: int) -> ShownPicture:
        """The pixels of a picture, reduced by no more than `reduction` (1, 2, 4 or 8). Raises `PictureError`, and
        `Unavailable` if too many wait."""
        digest = picture.preview_sha256 or picture.sha256
        is_reducible = picture.preview_sha256 is None and picture.media_type == MediaType.JPEG
        wanted = _Pixels(digest, reduction if is_reducible else 1)
        for finer in (8, 4, 2, 1):
            if finer <= wanted.reduction and (found := self._kept.get(_Pixels(digest, finer))) is not None:
                return found
        return await self._flights.run(wanted, partial(self._decode, picture, wanted))

    async def close(self) -> None:
        """Cancel what is being decoded."""
        await self._flights.close()

    async def _decode(self, picture: Picture, wanted: _Pixels) -> ShownPicture:
        reduced = picture.width // wanted.reduction, picture.height // wanted.reduction
        min_size = None if wanted.reduction == 1 else reduced
        async with self._threads.turn() as turn:  # files wait in the database, and not in memory
            async with self._database.reading() as session:
                data = await self._blobs.get(session, wanted.digest)
            work = partial(
                read_for_display,
                data,
                max_pixels=picture.width * picture.height,
                types=PICTURE_TYPES,
                min_size=min_size,
            )
            shown = await turn.decode(data, work, min_size=min_size)
        self.decoded += 1
        if _bytes_of(shown) <= self._kept.maxsize:
            self._kept[wanted] = shown
        return shown


def _bytes_of(shown: ShownPicture) -> int:
    """Pillow has four bytes for a pixel in colour."""
    return shown.image.width * shown.image.height * (1 if shown.image.mode == "L" else 4)
