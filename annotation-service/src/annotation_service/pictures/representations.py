"""What is served of a picture: the original, the preview for browsers, or the green channel."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial

from annotation_service.pictures import repository
from annotation_service.pictures.errors import NoSuchPicture
from annotation_service.pictures.models import Picture
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.database import Database
from lightbox_shared.images import MediaType
from lightbox_shared.images.display import green_channel, preview_type
from lightbox_shared.requests.forms import is_storable
from lightbox_shared.storage.blobs import Blobs, sha256


class Kind(Enum):
    """What is asked for."""

    FOR_BROWSERS = auto()
    """The original if browsers show it upright, else the preview."""
    GREEN_CHANNEL = auto()
    """The green channel in grey; of a grey picture the same as for browsers."""
    ORIGINAL = auto()
    """As it was uploaded."""


@dataclass(frozen=True, slots=True)
class Representation:
    """A blob that is served, and what is said of it."""

    sha256: bytes
    media_type: MediaType
    filename: str
    """That of the picture."""
    modified_at: datetime


class Representations:
    """Finds what is served, and makes green channels when they are asked for first. Used by many tasks of one event
    loop; `await close()` at its end."""

    def __init__(self, database: Database, blobs: Blobs, *, threads: DecodingThreads, max_pixels: int) -> None:
        self._database = database
        self._blobs = blobs
        self._threads = threads
        self._max_pixels = max_pixels
        self._flights: SingleFlight[bytes, bytes | None] = SingleFlight()

    async def close(self) -> None:
        """Cancel what is being made."""
        await self._flights.close()

    async def find(self, url: str, kind: Kind) -> Representation:
        """The representation of the picture with this name. Raises `NoSuchPicture`, and `Unavailable` if too many
        pictures are being converted."""
        if not is_storable(url):
            raise NoSuchPicture
        async with self._database.reading() as session:
            picture = await repository.find_by_url(session, url)
        if picture is None:
            raise NoSuchPicture
        media_type = MediaType(picture.media_type)
        if kind is Kind.GREEN_CHANNEL:
            channel = await self._green_channel(picture)
            if channel is not None:
                return Representation(channel, MediaType.PNG, picture.filename, picture.created_at)
        if kind is Kind.ORIGINAL or picture.preview_sha256 is None:
            return Representation(picture.sha256, media_type, picture.filename, picture.created_at)
        return Representation(picture.preview_sha256, preview_type(media_type), picture.filename, picture.created_at)

    async def size(self, found: Representation) -> int:
        """The number of bytes."""
        async with self._database.reading() as session:
            return await self._blobs.size(session, found.sha256)

    async def read(self, found: Representation, wanted: range | None) -> bytes:
        """All bytes, or those at the positions `wanted`."""
        async with self._database.reading() as session:
            if wanted is None:
                return await self._blobs.get(session, found.sha256)
            return await self._blobs.part(session, found.sha256, wanted)

    async def _green_channel(self, picture: Picture) -> bytes | None:
        """The digest of the green channel; None for a grey picture."""
        async with self._database.reading() as session:
            known = await repository.find_green_channel(session, picture.sha256)
        if known is not None:
            return known.channel_sha256
        return await self._flights.run(picture.sha256, partial(self._make_green_channel, picture))

    async def _make_green_channel(self, picture: Picture) -> bytes | None:
        async with self._threads.turn() as turn:  # those that wait for a thread hold no bytes of pictures
            async with self._database.reading() as session:
                data = await self._blobs.get(session, picture.sha256)
            made = await turn.decode(data, partial(green_channel, data, max_pixels=self._max_pixels))
            digest = None if made is None else await turn.run(partial(sha256, made.data))
        async with self._database.writing() as session:
            if made is not None:
                await self._blobs.put(session, made.data, digest)
            await repository.add_green_channel(session, picture.sha256, digest)
        return digest
