"""Whether the pictures of answers that are kept in memory are still there, and in the groups that they were in.

Every change of the gallery counts up its revision (`gallery.revisions`). Twice a second it is read; when it has
changed, the pictures of all kept answers are looked up, and the answers for those that are gone or moved are
forgotten. What was verified longer than `LONGEST_SECONDS` ago is not answered from memory, so a picture that another
process has deleted is gone after that at the latest, whatever happens to the connection. After a request to this
process that may have changed the gallery, nothing is answered from memory until it has been verified again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.picture_files import repository
from imagehub_service.picture_files.repository import Place
from lightbox_shared.concurrency.background import background_task
from lightbox_shared.database import Database
from lightbox_shared.responses.cache import ResponseCache

log = structlog.get_logger()

PAUSE_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 1.0
LARGEST_KEPT: Final = 4 * 1024 * 1024
"""Bytes of an answer."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIXES: Final = ("/admin", "/api/gallery")
"""Of the paths by which the gallery is changed."""


class Shown(NamedTuple):
    """What a kept answer shows, and by which share it was asked for."""

    place: Place
    key: str | None


class GalleryWatch:
    """The answers with pictures that are kept, and whether they are true. Use it as `async with watch.running()`."""

    def __init__(self, database: Database, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._contents: int | None = None
        self._doubts = 0
        self._verified_at: float | None = None
        self._doubted = asyncio.Event()
        self.responses = ResponseCache[Shown](limit, self._is_verified, largest=LARGEST_KEPT)
        """At most `limit` bytes of answers."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["GalleryWatch"]:
        """Watch the gallery until the end of the context."""
        async with background_task(self._watch(), "gallery watch"):
            yield self

    def doubt(self) -> None:
        """The gallery may have been changed: nothing that is kept is true until it has been verified again."""
        self._doubts += 1
        self._verified_at = None
        self.responses.generation += 1
        self._doubted.set()

    def _is_verified(self) -> bool:
        return self._verified_at is not None and self._clock() - self._verified_at < LONGEST_SECONDS

    async def _watch(self) -> None:
        while True:
            self._doubted.clear()
            try:
                await self.verify()
            except Exception as error:  # noqa: BLE001 - the next attempt may succeed
                log.warning("the gallery can't be watched", error=str(error) or type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await self._doubted.wait()

    async def verify(self) -> None:
        """Forget the answers that are not true any more. Raises what the database raises."""
        doubts, started = self._doubts, self._clock()
        async with self._database.reading() as session:
            contents = (await revisions.current(session)).contents
            if contents != self._contents:
                self.responses.generation += 1
                kept = self.responses.subjects()
                places = await repository.places(session, {each.place.picture_id for each in kept})
                self.responses.keep({each for each in kept if each.place in places})
                self._contents = contents
        if doubts == self._doubts:
            self._verified_at = started


class DoubtAfterChanges:
    """ASGI middleware that makes the watch doubt once a request that may have changed the gallery is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS or not scope["path"].startswith(_PREFIXES):
            await self._app(scope, receive, send)
            return
        watch: GalleryWatch = scope["state"]["services"].watch

        async def send_and_doubt(message: Message) -> None:
            if message["type"] == "http.response.start":
                watch.doubt()
            await send(message)

        await self._app(scope, receive, send_and_doubt)
