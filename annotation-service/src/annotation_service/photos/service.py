"""Uploading photos, and finding them."""

import secrets
from functools import partial
from typing import Final

from anyio import to_thread

from annotation_service.clients.account_photos import AccountPhotos
from annotation_service.photos import repository
from annotation_service.photos.rendering import RenderedPhoto, default_photo, render_photo
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import EMPTY_FILE, NO_FILE
from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.requests.forms import is_storable

DEFAULT_PHOTO: Final = "default.png"
"""The name of the photo of accounts that have uploaded none."""
KEPT: Final = 5
"""How many photos of an account stay: pages that are open show the one before for a while."""
_EXTENSIONS: Final = {MediaType.JPEG: ".jpg", MediaType.PNG: ".png"}


class Photos:
    """Keeps the photos of accounts. Used by many tasks of one event loop."""

    def __init__(
        self, database: Database, accounts: AccountPhotos, *, threads: DecodingThreads, max_pixels: int
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._threads = threads
        self._max_pixels = max_pixels

    async def upload(self, data: bytes | None, account_id: int) -> str:
        """Make a picture the photo of an account, and return its name.

        The photo is stored before auth-service is told its name, and deleted again if auth-service does not take it.
        Raises `InvalidRequest` if the picture is missing or can't be read, `NotFound` if the account is gone, and
        `Unavailable`.
        """
        if data is None:
            raise InvalidRequest.of("file", NO_FILE)
        if not data:
            raise InvalidRequest.of("file", EMPTY_FILE)
        try:
            photo = await self._threads.decode(data, partial(render_photo, data, max_pixels=self._max_pixels))
        except PictureError as error:
            raise InvalidRequest.of("file", error.sentence) from error
        name = secrets.token_urlsafe(18) + _EXTENSIONS[photo.media_type]
        async with self._database.writing() as session:
            await repository.add(session, name, account_id, photo)
        try:
            await self._accounts.set_photo(account_id, name)
        except BaseException:
            async with self._database.writing() as session:
                await repository.remove(session, name)
            raise
        async with self._database.writing() as session:
            await repository.keep_newest(session, account_id, KEPT)
        return name

    async def find(self, name: str) -> RenderedPhoto:
        """The photo of this name. Raises `NotFound`."""
        if name == DEFAULT_PHOTO:
            return await to_thread.run_sync(default_photo)
        if not is_storable(name):
            raise NotFound
        async with self._database.reading() as session:
            found = await repository.find(session, name)
        if found is None:
            raise NotFound
        return RenderedPhoto(found.data, MediaType(found.media_type))
