"""The rules of deleting: the row first, then what depends on it."""

from collections.abc import Callable

from core_collection_service.pictures import repository as pictures
from core_collection_service.pictures.delete import repository
from core_collection_service.pictures.delete.repository import Removed
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.storage.service import PictureStorage
from lightbox_shared.database import Database, WriteSession


class Deletions:
    """Deletes pictures for good, each in a transaction of its own. Safe to use from many tasks.

    `on_deletion` is called after the commit and before the answer, so that nothing in memory still shows the picture.
    Objects are deleted after that: if the process ends in between, an object is left that no row refers to.
    """

    def __init__(self, database: Database, storage: PictureStorage, on_deletion: Callable[[], None]) -> None:
        self._database = database
        self._storage = storage
        self._on_deletion = on_deletion

    async def delete(self, key: PictureKey) -> None:
        """Delete the picture that a device has taken at an instant. Raises `NoSuchPicture`."""
        async with self._database.writing() as session:
            removed = await _remove(session, await pictures.find(session, key))
        await self._finish(removed)

    async def delete_by_id(self, collection: str, picture_id: int) -> None:
        """Delete the picture with this id. Raises `NoSuchPicture`."""
        async with self._database.writing() as session:
            removed = await _remove(session, await pictures.find_by_id(session, collection, picture_id))
        await self._finish(removed)

    async def _finish(self, removed: Removed) -> None:
        self._on_deletion()  # the database notifies every process, this one too, but perhaps not before the answer
        await self._storage.delete_objects(removed.object_keys)


async def _remove(session: WriteSession, record: PictureRecord | None) -> Removed:
    if record is None:
        raise NoSuchPicture
    removed = await repository.remove(session, record.collection, record.device_id, [record.id])
    if not removed.pictures:
        raise NoSuchPicture
    return removed
