"""Finding duplicates.

Those with the same bytes come from the database. Nearly equal ones are found in memory, in a thread; the result is kept
until the gallery changes, so that the next page costs nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import numpy as np
from cachetools import LRUCache

from imagehub_service.gallery.duplicates import repository
from imagehub_service.gallery.duplicates.near import Clusters, Numbers, find_clusters
from imagehub_service.gallery.duplicates.schemas import MAX_SHOWN
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.revisions import repository as revisions
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database
from lightbox_shared.responses.pagination import Page, PageRequest

MAX_KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Pictures that are one and the same, or nearly."""

    oldest: int
    count: int
    pictures: Sequence[Picture]
    """The oldest ones."""
    exact: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """The clusters, and the ids of the pictures by their places in the list of hashes."""

    ids: Numbers
    clusters: Clusters
    oldest: Numbers
    """The ids of the oldest pictures of the clusters, ascending."""


class Duplicates:
    """Finds duplicates. Used by many tasks of one event loop."""

    def __init__(self, database: Database, threads: BoundedThreads) -> None:
        self._database = database
        self._threads = threads
        self._kept: LRUCache[tuple[int, int], _Found] = LRUCache(MAX_KEPT)
        self._turn = anyio.Lock()

    async def exact(self, page: PageRequest) -> Page[Duplicate]:
        """A page of pictures with the same bytes."""
        async with self._database.reading() as session:
            rows = await repository.equal(session, after=page.after or 0, limit=page.limit + 1)
            found = Page.of(rows, page, lambda row: row.oldest)
            pictures = await repository.with_bytes(session, [row.sha256 for row in found.rows], each=MAX_SHOWN)
        by_digest: dict[bytes, list[Picture]] = defaultdict(list)
        for each in pictures:
            by_digest[each.sha256].append(each)
        duplicates = [Duplicate(row.oldest, row.pictures, by_digest[row.sha256], exact=True) for row in found.rows]
        return Page([each for each in duplicates if len(each.pictures) > 1], found.next_cursor)

    async def near(self, page: PageRequest, distance: int) -> tuple[Page[Duplicate], bool]:
        """A page of pictures whose hashes differ in at most `distance` bits, and whether everything was compared.

        Raises `Unavailable` if others are being looked for.
        """
        found = await self._clusters(distance)
        begin = int(np.searchsorted(found.oldest, page.after or 0, side="right"))
        clusters = [found.ids[each] for each in found.clusters.members[begin : begin + page.limit + 1]]
        shown = Page.of(clusters, page, lambda each: int(each[0]))
        wanted = [int(each) for cluster in shown.rows for each in cluster[:MAX_SHOWN]]
        async with self._database.reading() as session:
            pictures = {each.id: each for each in await repository.pictures(session, wanted)}
        duplicates = [_duplicate([int(each) for each in cluster], pictures) for cluster in shown.rows]
        left = [each for each in duplicates if len(each.pictures) > 1]
        return Page(left, shown.next_cursor), found.clusters.is_complete

    async def _clusters(self, distance: int) -> _Found:
        async with self._turn:  # the requests that wait find what the first one has found
            async with self._database.reading() as session:
                key = (await revisions.current(session)).contents, distance
                if key in self._kept:
                    return self._kept[key]
                ids, hashes = await repository.hashes(session)
            found = await self._threads.run(lambda: _find(ids, hashes, distance))
            self._kept[key] = found
            return found


def _find(ids: bytes, hashes: bytes, distance: int) -> _Found:
    numbers = np.frombuffer(ids, ">i8").astype(np.int64)
    clusters = find_clusters(np.frombuffer(hashes, ">u8").astype(np.uint64), distance)
    firsts = np.array([each[0] for each in clusters.members], dtype=np.int64)
    return _Found(numbers, clusters, numbers[firsts])


def _duplicate(cluster: Sequence[int], pictures: dict[int, Picture]) -> Duplicate:
    """Pictures may have been deleted since the cluster was found."""
    found = [pictures[each] for each in cluster[:MAX_SHOWN] if each in pictures]
    exact = len(cluster) <= MAX_SHOWN and len({each.sha256 for each in found}) == 1
    return Duplicate(cluster[0], len(cluster), found, exact)
