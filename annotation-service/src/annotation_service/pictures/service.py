"""Storing pictures and finding them."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from io import BytesIO
from typing import IO

from anyio import CapacityLimiter, to_thread

from annotation_service.pictures import repository
from annotation_service.pictures.file_paths import InvalidFilePath, parse_file_path
from annotation_service.pictures.models import Picture
from annotation_service.pictures.preparing import EXTENSIONS, PreparedPicture, prepare, read_all
from annotation_service.pictures.sources import FetchedPicture, Found, Source, StoredPicture
from lightbox_shared.auth.principal import Principal
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import PictureError, sniff
from lightbox_shared.requests.file_sizes import FileSizes, in_megabytes
from lightbox_shared.storage.blobs import Blobs

UPLOADED = "upload"
"""The `source` of an uploaded picture, unless the client names another one."""

WRITTEN_AT_ONCE = 2
"""Pictures that are in memory to be written to the database."""


class Pictures:
    """Checks pictures, stores them, and finds those that other services have. Used by many tasks of one event loop."""

    def __init__(
        self, blobs: Blobs, *, threads: DecodingThreads, sources: Sequence[Source], sizes: FileSizes, max_pixels: int
    ) -> None:
        self._blobs = blobs
        self._threads = threads
        self._sources = sources
        self._sizes = sizes
        self._max_pixels = max_pixels
        self._writing = CapacityLimiter(WRITTEN_AT_ONCE)

    async def prepare(self, file: IO[bytes], filename: str, source: str) -> PreparedPicture:
        """Check the picture in a file, which stays open until the picture is stored.

        Raises `PictureError`, and `Unavailable` if too many pictures wait to be checked.
        """
        async with self._threads.turn() as turn:  # files that wait for a thread stay on disk
            data = await turn.run(partial(read_all, file))
            work = partial(prepare, data, file, filename, source, max_pixels=self._max_pixels)
            return await turn.decode(data, work)

    @asynccontextmanager
    async def from_file_path(
        self, file_path: str, caller: Principal, *, own_base: str
    ) -> AsyncIterator[StoredPicture | PreparedPicture]:
        """The picture at an address of the platform, fetched from the service that owns it and checked. `own_base` is
        the platform's own `scheme://host` (`lightbox_shared.responses.urls.public_base`).

        All that is slow happens when the context is entered; `keep` stores the picture, in a transaction inside of it.
        Raises `InvalidRequest` for `file_path` if there is no picture that the caller may see, `InsufficientScope`, and
        `Unavailable` if the owner does not answer.
        """
        found = await self._find(file_path, caller, own_base)
        if isinstance(found, StoredPicture):
            yield found
            return
        limit = self._sizes.limit_of(found.data)
        if len(found.data) > limit:
            raise _invalid(f"The picture is larger than {in_megabytes(limit)}.")
        try:
            filename = found.stem + EXTENSIONS[sniff(found.data)]
            prepared = await self.prepare(BytesIO(found.data), filename, found.source)
        except PictureError as error:
            raise _invalid(str(error)) from error
        with closing(prepared):
            yield prepared

    async def keep(self, session: WriteSession, found: StoredPicture | PreparedPicture, account_id: int) -> Picture:
        """The row of a picture, which is stored for this account if it was not stored before. Raises `InvalidRequest`
        if a stored picture is gone meanwhile."""
        if isinstance(found, PreparedPicture):
            return await self._store(session, found, account_id)
        picture = await repository.find(session, found.id)
        if picture is None:
            raise _invalid("There is no such picture.")
        return picture

    async def _store(self, session: WriteSession, prepared: PreparedPicture, account_id: int) -> Picture:
        async with self._writing:  # until then they are on disk
            original = await to_thread.run_sync(read_all, prepared.original)
            await self._blobs.put(session, original, prepared.sha256)
            del original
            if prepared.preview is not None:
                preview = await to_thread.run_sync(read_all, prepared.preview)
                await self._blobs.put(session, preview, prepared.preview_sha256)
        values = {
            "url": secrets.token_urlsafe(24) + EXTENSIONS[prepared.media_type],
            "filename": prepared.filename,
            "source": prepared.source,
            "sha256": prepared.sha256,
            "preview_sha256": prepared.preview_sha256,
            "media_type": prepared.media_type.value,
            "width": prepared.width,
            "height": prepared.height,
            "size": prepared.size,
            "created_by": account_id,
        }
        return await repository.insert_picture(session, values)

    async def _find(self, file_path: str, caller: Principal, own_base: str) -> Found:
        try:
            path = parse_file_path(file_path, own_base=own_base)
        except InvalidFilePath as error:
            raise _invalid(str(error)) from error
        for source in self._sources:
            variables = source.match(path)
            if variables is not None:
                try:
                    return await source.find(variables, path.query, caller)
                except NotFound as error:
                    raise _invalid("There is no such picture, or it is not yours.") from error
        raise _invalid("This is no address of a picture.")


def _invalid(sentence: str) -> InvalidRequest:
    return InvalidRequest.of("file_path", sentence)


__all__ = ["UPLOADED", "FetchedPicture", "Pictures", "PreparedPicture", "StoredPicture"]
