"""Finding single pictures."""

from core_collection_service.pictures import repository
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.models import PictureKey, PictureRecord
from lightbox_shared.database import Database


class Pictures:
    """Finds pictures, each by a statement that is a transaction of its own. Safe to use from many tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: PictureKey) -> PictureRecord:
        """The picture that a device has taken at an instant. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _existing(await repository.find(statements, key))

    async def find_by_id(self, collection: str, picture_id: int) -> PictureRecord:
        """The picture with this id. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _existing(await repository.find_by_id(statements, collection, picture_id))

    async def latest(self, collection: str, device_id: str) -> PictureRecord:
        """The picture of a device with the latest timestamp. Raises `NoSuchPicture`."""
        async with self._database.autocommit() as statements:
            return _existing(await repository.latest(statements, collection, device_id))


def _existing(record: PictureRecord | None) -> PictureRecord:
    if record is None:
        raise NoSuchPicture
    return record
