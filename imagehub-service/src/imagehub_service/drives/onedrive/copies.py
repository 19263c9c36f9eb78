"""The copy of an administrator's drive in our database, brought up to date by `delta`.

`delta` on the root of the drive names every item at first, and what has changed since from then on. It is asked of the
root even where the setting names a folder whose folders are shown, since drives of organisations have it there only;
the folder is picked from the copy. Items are known by their ids: `delta` does not tell paths.

Each page is stored in one transaction together with the link to the next one, so that a process that is stopped, or a
drive that is too large for one request, goes on where it was. Items that a complete enumeration did not name are
deleted at its end.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import anyio
import structlog

from imagehub_service.drives.drive import DriveContents, DriveFolder
from imagehub_service.drives.errors import NoSuchItem, UnreadableAnswer
from imagehub_service.drives.listed_files import files_of
from imagehub_service.drives.onedrive import copies_repository as repository
from imagehub_service.drives.onedrive.answers import DriveAnswer, Item, Page, Quota, read
from imagehub_service.drives.onedrive.copies_repository import FolderRow, NewItem, Progress
from imagehub_service.drives.onedrive.errors import failure
from imagehub_service.drives.onedrive.graph import Call, Graph
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database

log = structlog.get_logger("onedrive")

FIRST_PAGE: Final = (
    "/me/drive/root/delta?$select=id,name,size,createdDateTime,lastModifiedDateTime,parentReference,fileSystemInfo,"
    "folder,file,root,deleted&$top=1000"
)
MAX_PAGES: Final = 5000
MAX_RESTARTS: Final = 2
_LINK_EXPIRED: Final = frozenset({400, 404, 410})


class Copies:
    """Updates copies and reads them."""

    def __init__(self, database: Database, graph: Graph, *, threads: BoundedThreads, root_folder: str) -> None:
        """In `threads` long lists are made. `root_folder` is the id of the folder whose folders are shown, or empty for
        the root of the drive."""
        self._threads = threads
        self._database = database
        self._graph = graph
        self._root_folder = root_folder
        self._locks: dict[int, anyio.Lock] = {}
        self._begun: dict[int, float] = {}
        """When the last update that ended was begun."""

    async def update(self, account_id: int) -> None:
        """Bring the copy up to date. An update that another request has begun after this call is enough.

        Raises `ConsentNeeded`, `DriveUnavailable` and `UnreadableAnswer`.
        """
        asked = time.monotonic()
        async with self._locks.setdefault(account_id, anyio.Lock()):
            if self._begun.get(account_id, asked) > asked:
                return
            begun, as_of = time.monotonic(), datetime.now(UTC)
            quota = await self._quota(account_id)
            version = await self._follow_links(account_id)
            async with self._database.writing() as session:
                await repository.completed(session, account_id, version, as_of, quota)
            self._begun[account_id] = begun

    async def contents(self, account_id: int, *, is_stale: bool) -> DriveContents | None:
        """What the copy has, or None if it was never complete. Raises `NoSuchItem` if the folder of the setting is not
        in it."""
        async with self._database.reading() as session:
            copy = await repository.find(session, account_id)
            if copy is None or copy.as_of is None:
                return None
            root_id = self._root_folder or copy.root_id or ""
            if not await repository.has_item(session, account_id, root_id):
                raise NoSuchItem("There is no folder in this drive with the id of LIGHTBOX_ONEDRIVE_ROOT_FOLDER.")
            rows = await repository.folders_with_files(session, account_id, root_id)
        folders = await self._threads.run(partial(_folders, rows))
        return DriveContents(folders, copy.used_bytes, copy.total_bytes, copy.as_of, is_stale)

    async def forget(self, account_id: int) -> None:
        """Delete the copy, since the account may have another drive now."""
        async with self._database.writing() as session:
            await repository.forget(session, account_id)
        self._begun.pop(account_id, None)

    async def _quota(self, account_id: int) -> Quota:
        call = Call("GET", self._graph.url("/me/drive?$select=id,quota"), name="drive")
        answer = (await self._graph.send(account_id, call)).http
        if answer.status != 200:
            raise failure(answer.status, answer.body)
        return read(DriveAnswer, answer.body).quota or Quota()

    async def _follow_links(self, account_id: int) -> int:
        """Read pages until Graph has no more. Returns the version of the copy that is complete."""
        known = await self._progress(account_id)
        restarts = 0
        for _ in range(MAX_PAGES):
            url = self._graph.url(FIRST_PAGE) if known.link is None else self._graph.check_link(known.link)
            answer = (await self._graph.send(account_id, Call("GET", url, name="delta"))).http
            if known.link is not None and answer.status in _LINK_EXPIRED and restarts < MAX_RESTARTS:
                # 410 names an address for a fresh start, which is what the first page is. The items that we have stay
                # until the enumeration has ended.
                log.info("all of the drive is read again", account_id=account_id, status=answer.status)
                known, restarts = known._replace(link=None), restarts + 1
                continue
            if answer.status != 200:
                raise failure(answer.status, answer.body)
            page = read(Page, answer.body)
            after = await self._store(account_id, known, page)
            if after is not None and page.next_link is None:
                return after.version
            known = after or await self._progress(account_id)
        raise UnreadableAnswer("Microsoft Graph has more and more pages.")

    async def _progress(self, account_id: int) -> Progress:
        async with self._database.reading() as session:
            return await repository.progress(session, account_id)

    async def _store(self, account_id: int, known: Progress, page: Page) -> Progress | None:
        """Store a page; None, and nothing is stored, if another process has stored one meanwhile. Raises
        `UnreadableAnswer` before anything is stored."""
        link = page.next_link or page.delta_link
        if link is None:
            raise UnreadableAnswer("Microsoft Graph has sent a page without a link to the next one.")
        after = Progress(
            version=known.version + 1,
            link=self._graph.check_link(link),
            enumeration=known.enumeration + (known.link is None),
            is_enumerating=page.next_link is not None and (known.link is None or known.is_enumerating),
        )
        last = {item.id: item for item in page.value}  # an item can come several times; the last one is true
        items = [_new_item(item) for item in last.values() if item.deleted is None and _is_kept(item)]
        gone = [item.id for item in last.values() if item.deleted is not None or not _is_kept(item)]
        root = next((item.id for item in last.values() if item.root is not None), None)
        async with self._database.writing() as session:
            if not await repository.advance(session, account_id, known, after):
                return None
            await repository.put_items(session, account_id, items, after.enumeration)
            await repository.delete_items(session, account_id, gone)
            if root is not None:
                await repository.set_root(session, account_id, root)
            if page.next_link is None and (known.link is None or known.is_enumerating):
                await repository.delete_unseen(session, account_id, after.enumeration)
        return after


def _is_kept(item: Item) -> bool:
    """Notebooks and other packages are neither files nor folders."""
    return item.folder is not None or item.file is not None or item.root is not None


def _new_item(item: Item) -> NewItem:
    if item.name is None:
        raise UnreadableAnswer("Microsoft Graph has sent an item without a name.")
    return NewItem(
        id=item.id,
        parent_id=item.parent_reference.id if item.parent_reference else None,
        name=item.name,
        size=item.size or 0,
        is_folder=item.folder is not None or item.root is not None,
        created_at=item.created_at,
        modified_at=item.modified_at,
    )


def _folders(rows: Sequence[FolderRow]) -> list[DriveFolder]:
    return [
        DriveFolder(row.id, row.name, row.size, row.created_at, row.modified_at, files_of(row.files)) for row in rows
    ]
