"""The rules of deleting: the row first, then what depends on it.

What an account deletes is written down in the audit trail before: where that can't be done, nothing is deleted.
"""

from collections.abc import Callable
from typing import Final

from core_collection_service.author import Author
from core_collection_service.pictures import repository as pictures
from core_collection_service.pictures.delete import repository
from core_collection_service.pictures.delete.repository import Removed
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.storage.service import PictureStorage
from lightbox_shared.audit import AuditTrail, Detail
from lightbox_shared.database import Database, WriteSession

PICTURE_DELETED: Final = "collection-picture-deleted"


class Deletions:
    """Deletes pictures for good, each in a transaction of its own. Safe to use from many tasks.

    `on_deletion` is called after the commit and before the answer, so that nothing in memory still shows the picture.
    Objects are deleted after that: if the process ends in between, an object is left that no row refers to.
    """

    def __init__(
        self, database: Database, storage: PictureStorage, audit: AuditTrail, on_deletion: Callable[[], None]
    ) -> None:
        self._database = database
        self._storage = storage
        self._audit = audit
        self._on_deletion = on_deletion

    async def delete(self, key: PictureKey, author: Author) -> None:
        """Delete the picture that a device has taken at an instant. Raises `NoSuchPicture`, and `Unavailable` if the
        audit trail does not answer."""
        async with self._database.autocommit() as connection:
            record = await pictures.find(connection, key)
        await self._delete(record, author)

    async def delete_by_id(self, collection: str, picture_id: int, author: Author) -> None:
        """Delete the picture with this id. Raises what `delete` raises."""
        async with self._database.autocommit() as connection:
            record = await pictures.find_by_id(connection, collection, picture_id)
        await self._delete(record, author)

    async def _delete(self, record: PictureRecord | None, author: Author) -> None:
        if record is None:
            raise NoSuchPicture
        details: dict[str, Detail] = {"collection": record.collection, "picture": record.id}
        await self._audit.record(PICTURE_DELETED, author.actor, author.address, details)
        async with self._database.writing() as session:
            removed = await _remove(session, record)
        self._on_deletion()  # the database notifies every process, this one too, but perhaps not before the answer
        await self._storage.delete_objects(removed.object_keys)


async def _remove(session: WriteSession, record: PictureRecord) -> Removed:
    removed = await repository.remove(session, record.collection, record.device_id, [record.id])
    if not removed.pictures:
        raise NoSuchPicture
    return removed
