"""The transactions of an addition. Each makes one picture, with all that belongs to it, or none."""

from imagehub_service.gallery.adding import pictures_repository, repository
from imagehub_service.gallery.adding.models import AdditionFolder, AdditionItem
from imagehub_service.gallery.adding.pictures_repository import Origin
from imagehub_service.gallery.adding.preparation import NotAdded, ReadyPicture
from imagehub_service.gallery.groups import places_repository
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.concurrency.background_jobs import Lost, Mine
from lightbox_shared.database import Database
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.storage.blobs import Blobs


def no_such_group(group_id: int) -> Sentence:
    """The sentence for pictures whose group does not exist."""
    return Sentence("no-such-group", f"There is no group {group_id}.", group=group_id)


class AdditionStore:
    """Writes what becomes of the pictures of additions. Every method raises `Lost`."""

    def __init__(self, database: Database, blobs: Blobs, *, drive: str) -> None:
        """`drive` is the kind of the drive: `built-in` or `onedrive`."""
        self._database = database
        self._blobs = blobs
        self._drive = drive

    async def keep(
        self, mine: Mine, account_id: int, folder: AdditionFolder, item: AdditionItem, ready: ReadyPicture
    ) -> None:
        """Make a picture of an item, and a group before it where the folder has none yet. Raises `NotAdded` if the
        group does not exist."""
        origin = Origin(item.file_name, folder.folder_name, self._drive, item.file_id, account_id)
        async with self._database.writing() as session:
            # The rows of additions, blobs, groups and revisions are locked in this order everywhere.
            if not await repository.count_added(session, mine):
                raise Lost
            await self._blobs.put_missing(session, ready.blobs)
            group_id = folder.group_id
            if group_id is None:
                group_id = await places_repository.create(session)
            place = await places_repository.next_place(session, group_id)
            if place is None:
                raise NotAdded(no_such_group(group_id))
            picture_id = await pictures_repository.add(session, group_id, place.image_id, origin, ready)
            await repository.mark_added(session, item, group_id, picture_id)
            await revisions.changed(session, order=place.is_first)
        folder.group_id = group_id

    async def fail(self, mine: Mine, item: AdditionItem, sentence: Sentence) -> None:
        """An item can't become a picture."""
        async with self._database.writing() as session:
            if not await repository.fail(session, mine, item, sentence):
                raise Lost

    async def postpone(self, mine: Mine, item: AdditionItem, seconds: float) -> None:
        """An item can't be prepared now; let any process go on with it after so many seconds."""
        async with self._database.writing() as session:
            if not await repository.postpone(session, mine, item, seconds):
                raise Lost

    async def finish(self, mine: Mine) -> None:
        """All items are finished."""
        async with self._database.writing() as session:
            if not await repository.finish(session, mine):
                raise Lost

    async def give_up(self, mine: Mine, sentence: Sentence) -> None:
        """The items that are left are not tried any more."""
        async with self._database.writing() as session:
            if not await repository.give_up(session, mine, sentence):
                raise Lost
