"""Making renditions of pictures, each once: the second request gets the bytes that the first one kept."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from anyio import to_thread
from sqlalchemy.exc import DBAPIError

from inference_service.renditions import repository
from lightbox_shared.concurrency.single_flight import SingleFlight
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors.disk_full import DiskFull, is_disk_full
from lightbox_shared.storage.blobs import Blobs, sha256

log = structlog.get_logger()

LoadPicture = Callable[[], Awaitable[bytes]]
"""Reads the bytes of a picture. Raises `BlobMissing` if it is not there."""
Make = Callable[[LoadPicture], Awaitable[bytes]]
"""Makes a rendition of a picture, which it loads when its turn has come: pictures wait in the database, and not in
memory."""
Charge = Callable[[WriteSession, int], Awaitable[bool]]
"""Counts the bytes of a new rendition in the transaction that stores it. Returns whether there is room for them."""


class Renditions:
    """The renditions of this service. Opens its transactions itself, and none while a rendition is made. Used by one
    event loop; `await close()` at its end."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._flights: SingleFlight[tuple[bytes, str], bytes] = SingleFlight(ends_abandoned=True)

    async def kept_or_made(self, picture_sha256: bytes, recipe: str, make: Make, charge: Charge | None = None) -> bytes:
        """The rendition of a picture by a recipe, made by `make` if it is not there. It is kept unless `charge` finds
        no room for it, or the picture was deleted meanwhile.

        It is made once for all who ask for it at the same time, until all of them are cancelled; the `charge` of the
        first counts. On a full disk it is not kept. Raises `BlobMissing` if the picture is not there, and the
        exceptions of `make`.
        """
        async with self._database.reading() as session:
            kept = await repository.find(session, picture_sha256, recipe)
            if kept is not None:
                return await self._blobs.get(session, kept)
        work = partial(self._make, picture_sha256, recipe, make, charge)
        return await self._flights.run((picture_sha256, recipe), work)

    async def close(self) -> None:
        """Cancel what is being made."""
        await self._flights.close()

    async def _make(self, picture_sha256: bytes, recipe: str, make: Make, charge: Charge | None) -> bytes:
        async def load() -> bytes:
            async with self._database.reading() as session:
                return await self._blobs.get(session, picture_sha256)

        made = await make(load)
        digest = await to_thread.run_sync(sha256, made)
        try:
            async with self._database.writing() as session:
                if not await self._blobs.lock(session, picture_sha256):
                    return made
                await self._blobs.put(session, made, digest)
                is_new = await repository.add(session, picture_sha256, recipe, digest)
                if is_new and charge is not None and not await charge(session, len(made)):
                    await session.rollback()
        except (DBAPIError, DiskFull) as error:
            if not is_disk_full(error):
                raise
            log.warning("a rendition is not kept: a disk is full")
        return made


def etag(picture_sha256: bytes, recipe: str) -> str:
    """The entity tag of a rendition, which is known before it is made."""
    return sha256(picture_sha256 + recipe.encode()).hex()
