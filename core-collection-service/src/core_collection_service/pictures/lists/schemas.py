"""A page of pictures as a JSON or CBOR document."""

from typing import Self

from pydantic import BaseModel

from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.schemas import PictureBody
from lightbox_shared.responses.pagination import Page


class PicturePage(BaseModel):
    """The metadata of pictures, and the cursor of the next page; null on the last page."""

    pictures: list[PictureBody]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[PictureRecord]) -> Self:
        """From rows."""
        return cls(pictures=[PictureBody.of(row) for row in page.rows], next_cursor=page.next_cursor)
