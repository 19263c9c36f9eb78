"""Asking for additions, and following them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.errors import NoSuchAddition
from imagehub_service.gallery.adding.models import UNFINISHED
from imagehub_service.gallery.adding.progress import POLL_SECONDS, ProgressBoard
from imagehub_service.gallery.adding.repository import WantedFolder
from imagehub_service.gallery.adding.schemas import AdditionBody, AdditionError, AdditionProgress
from lightbox_shared.database import Database

NEWS_SECONDS: Final = 0.25
"""The pause between two messages to one who follows an addition."""


class Additions:
    """The additions of the service. A request that waits for one holds no connection of the database."""

    def __init__(self, database: Database, progress: ProgressBoard, wake: Callable[[], None]) -> None:
        """`wake` is called when an addition waits for its worker."""
        self._database = database
        self._progress = progress
        self._wake = wake

    async def create(self, account_id: int, folders: Sequence[WantedFolder]) -> AdditionBody:
        """Have pictures added; durable when it returns."""
        async with self._database.writing() as session:
            addition_id = await repository.add(session, account_id, folders)
        self._wake()
        return await self.find(addition_id)

    async def find(self, addition_id: int) -> AdditionBody:
        """An addition, with the pictures that could not be added. Raises `NoSuchAddition`."""
        async with self._database.reading() as session:
            found = await repository.find(session, addition_id)
            if found is None:
                raise NoSuchAddition
            failed = await repository.errors(session, addition_id) if found.addition.failed else []
        return AdditionBody.with_errors(found, [AdditionError.of(*each) for each in failed])

    async def progress(self, addition_id: int) -> AdditionProgress:
        """How far an addition is. Raises `NoSuchAddition`."""
        async with self._database.reading() as session:
            found = await repository.find(session, addition_id)
        if found is None:
            raise NoSuchAddition
        return AdditionProgress.of(found)

    async def cancel(self, addition_id: int) -> None:
        """End an addition, or forget one that has ended. What was added stays. Raises `NoSuchAddition`."""
        async with self._database.writing() as session:
            found = await repository.cancel(session, addition_id)
        if not found:
            raise NoSuchAddition
        self._progress.tell(addition_id, is_end=True)

    async def ended(self, addition_id: int) -> AdditionBody | None:
        """Wait until an addition has ended, whichever process works on it. None if it is forgotten. Raises
        `Unavailable` when the service stops."""
        with self._progress.listening(addition_id, only_end=True) as listener:
            try:
                while (await self.progress(addition_id)).state in UNFINISHED:
                    await listener.wait()
                return await self.find(addition_id)
            except NoSuchAddition:
                return None

    async def follow(self, addition_id: int) -> AsyncGenerator[AdditionProgress | None]:
        """How far an addition is, now and whenever that changes, until it has ended; None when nothing has changed for
        a moment. Raises `NoSuchAddition`, and `Unavailable` when the service stops."""
        with self._progress.listening(addition_id) as listener:
            last: AdditionProgress | None = None
            while True:
                found = await self.progress(addition_id)
                yield None if found == last else found
                if found.state not in UNFINISHED:
                    return
                last = found
                await asyncio.sleep(NEWS_SECONDS)
                await listener.wait(POLL_SECONDS - NEWS_SECONDS)
