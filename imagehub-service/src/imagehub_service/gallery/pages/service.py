"""The gallery's pages, made once and given again until the gallery changes.

The counters of the gallery (`gallery_revisions`) are read for each request, so that a change is seen at once, whichever
process has made it. As long as the order stays the same, the numbers of all groups that are shown are in memory, and a
page is a slice of them: a deep page costs as much as the first one. As long as the contents stay the same, the finished
bodies of pages are in memory as well. Someone who sees some groups only has pages of those, which are made each time.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache
from sqlalchemy.ext.asyncio import AsyncConnection

from imagehub_service.gallery.pages import repository
from imagehub_service.gallery.pages.items import item_of
from imagehub_service.gallery.pages.repository import Order
from imagehub_service.gallery.pages.schemas import ImageHubPage, ImageHubPageItem
from imagehub_service.visibility import GalleryVisitor
from lightbox_shared.database import Database

PAGE_GROUPS: Final = 12


@dataclass(frozen=True, slots=True)
class PageBody:
    """A finished page."""

    contents: int
    """The counter of contents of which it was made."""
    data: bytes
    """JSON."""
    etag: str


class Pages:
    """The pages of groups."""

    def __init__(self, database: Database, *, cache_bytes: int) -> None:
        self._database = database
        self._order = Order(0, ())
        self._ordering = asyncio.Lock()
        self._bodies: LRUCache[tuple[int, str, str | None], PageBody] = LRUCache(
            cache_bytes, getsizeof=lambda body: len(body.data)
        )

    async def page(self, number: int, visitor: GalleryVisitor, public_base: str) -> PageBody | None:
        """Page `number`, from 1; None behind the last one. `public_base` is the beginning of absolute addresses."""
        places = slice((number - 1) * PAGE_GROUPS, number * PAGE_GROUPS)
        if visitor.groups is not None:
            async with self._database.autocommit() as connection:
                shown = await repository.order_among(connection, visitor.groups)
                return await self._made(connection, 0, shown[places], visitor, public_base)
        async with self._database.autocommit() as connection:
            revision = await repository.revision(connection)
        group_ids = (await self._order_of(revision.order))[places]
        if not group_ids:
            return None
        key = number, public_base, visitor.key
        body = self._bodies.get(key)
        if body is None or body.contents != revision.contents:
            async with self._database.autocommit() as connection:
                body = await self._made(connection, revision.contents, group_ids, visitor, public_base)
            if body is not None and len(body.data) <= self._bodies.maxsize:
                self._bodies[key] = body
        return body

    async def total(self, visitor: GalleryVisitor) -> int:
        """How many pages there are."""
        async with self._database.autocommit() as connection:
            if visitor.groups is not None:
                groups = len(await repository.order_among(connection, visitor.groups))
                return -(-groups // PAGE_GROUPS)
            revision = await repository.revision(connection)
        return -(-len(await self._order_of(revision.order)) // PAGE_GROUPS)

    async def _order_of(self, revision: int) -> Sequence[int]:
        """The groups that are shown, as they were at this counter of orders or later. Those who wait for it at the same
        time wait for the same query."""
        if self._order.revision < revision:
            async with self._ordering:
                if self._order.revision < revision:
                    async with self._database.autocommit() as connection:
                        self._order = await repository.order(connection)
        return self._order.group_ids

    @staticmethod
    async def _made(
        connection: AsyncConnection,
        contents: int,
        group_ids: Sequence[int],
        visitor: GalleryVisitor,
        public_base: str,
    ) -> PageBody | None:
        """None if there is no group, or all have just been deleted."""
        rows = await repository.covers(connection, group_ids) if group_ids else []
        if not rows:
            return None
        items = [item_of(ImageHubPageItem, row, row.group_id, visitor, public_base) for row in rows]
        data = ImageHubPage(code=1, data=items, hint="got_images").model_dump_json(by_alias=True).encode()
        return PageBody(contents, data, hashlib.sha256(data).hexdigest())
