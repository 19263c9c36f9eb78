"""The pictures of one group, and single pictures, as ImageHub's clients get them."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Row

from imagehub_service.gallery.pages import repository
from imagehub_service.gallery.pages.items import item_of
from imagehub_service.gallery.pages.repository import WholePicture
from imagehub_service.gallery.pages.schemas import ImageHubGroupItem, ImageHubPicture, ImageHubPictureData
from imagehub_service.gallery.pictures.models import Size
from imagehub_service.renditions.data_urls import PIECE_BYTES, data_url, data_url_pieces
from imagehub_service.renditions.links import picture_links
from imagehub_service.visibility import GalleryVisitor
from lightbox_shared.database import Database

BATCH_PICTURES: Final = 48
"""Pictures of a group that are in memory at a time while they are sent."""


@dataclass(frozen=True, slots=True)
class Sendable:
    """A body of JSON that is made while it is sent, and the entity tag of what it is made of."""

    etag: str
    pieces: AsyncGenerator[bytes]


class WholePictures(Protocol):
    """Reads whole pictures as browsers show them, without what the gallery does not show of them."""

    def etag(self, picture: WholePicture) -> str:
        """The entity tag of the bytes."""
        ...

    async def opened(self, picture: WholePicture, *, chunk_bytes: int) -> tuple[str, AsyncIterator[bytes]]:
        """The media type, and the bytes in chunks. Raises `Unavailable` if too many wait."""
        ...


class ShownPictures:
    """Pictures by the numbers of their groups. What a visitor may not see, or what is not there, is None."""

    def __init__(self, database: Database, files: WholePictures) -> None:
        self._database = database
        self._files = files

    async def group(self, group_id: int, visitor: GalleryVisitor, public_base: str) -> Sendable | None:
        """All pictures of a group in low resolution, however many they are: no connection is held while a client reads
        some of them."""
        if not visitor.may_see(group_id):
            return None
        async with self._database.autocommit() as connection:
            state = await repository.group_state(connection, group_id)
        if state is None:
            return None
        etag = _digest(*state, group_id, public_base, visitor.key)
        return Sendable(etag, self._group_pieces(group_id, visitor, public_base))

    async def picture(
        self, group_id: int, image_id: int, visitor: GalleryVisitor, public_base: str
    ) -> ImageHubPicture | None:
        """A picture in high resolution."""
        row = await self._picture(group_id, image_id, visitor, Size.HIGH)
        if row is None:
            return None
        data = ImageHubPictureData(
            **dict(picture_links(row, public_base=public_base, key=visitor.key)),
            image_name=row.name,
            image=data_url(row.small_type, row.small),
            title=row.title or row.name,
            caption=row.caption,
            group=group_id,
            image_id=row.image_id,
        )
        return ImageHubPicture(code=1, data=data, hint="image_found")

    async def low(self, group_id: int, image_id: int | None) -> str | None:
        """A picture in low resolution, by default the first one of the group, as a data URL."""
        row = await self._picture(group_id, image_id, GalleryVisitor(), Size.LOW)
        return None if row is None else data_url(row.small_type, row.small)

    async def download(self, group_id: int, image_id: int, visitor: GalleryVisitor) -> Sendable | None:
        """The whole picture. Raises `Unavailable` if too many wait."""
        if not visitor.may_see(group_id):
            return None
        async with self._database.autocommit() as connection:
            found = await repository.whole(connection, group_id, image_id)
        if found is None:
            return None
        media_type, chunks = await self._files.opened(found, chunk_bytes=PIECE_BYTES)
        pieces = _download_pieces(found.name, data_url_pieces(media_type, chunks))
        return Sendable(_digest(self._files.etag(found), found.name), pieces)

    async def _picture(
        self, group_id: int, image_id: int | None, visitor: GalleryVisitor, size: Size
    ) -> Row[*tuple[Any, ...]] | None:
        if not visitor.may_see(group_id):
            return None
        async with self._database.autocommit() as connection:
            return await repository.picture(connection, group_id, image_id, size)

    async def _group_pieces(self, group_id: int, visitor: GalleryVisitor, public_base: str) -> AsyncGenerator[bytes]:
        yield b'{"status":1,"data":['
        after: tuple[float, int] | None = None
        while True:
            async with self._database.autocommit() as connection:
                rows = await repository.group_pictures(connection, group_id, after, BATCH_PICTURES)
            items = [
                item_of(ImageHubGroupItem, row, group_id, visitor, public_base).model_dump_json(by_alias=True)
                for row in rows
            ]
            if items:
                yield (("," if after else "") + ",".join(items)).encode()
                after = rows[-1].position, rows[-1].id
            if len(rows) < BATCH_PICTURES:
                break
        yield b"]}"


async def _download_pieces(name: str, data_url: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield f'{{"code":1,"image":{{"image_name":{json.dumps(name, ensure_ascii=False)},"image":"'.encode()
    async for piece in data_url:
        yield piece
    yield b'"},"hint":"image_found"}'


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
