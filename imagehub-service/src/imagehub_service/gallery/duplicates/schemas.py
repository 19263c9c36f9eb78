"""Duplicates on the wire."""

from enum import StrEnum

from pydantic import BaseModel, Field

from imagehub_service.gallery.pictures.schemas import GalleryPicture

MAX_SHOWN = 20


class Kind(StrEnum):
    """Which pictures are duplicates."""

    EXACT = "exact"
    """Those with the same bytes."""
    NEAR = "near"
    """Those with nearly the same difference hash."""


class PictureDuplicates(BaseModel):
    """Pictures that are one and the same, or nearly."""

    exact: bool = Field(description="Whether all of them have the same bytes.")
    picture_count: int
    pictures: list[GalleryPicture] = Field(description=f"The oldest {MAX_SHOWN} of them.")


class PictureDuplicatesList(BaseModel):
    """A page of duplicates, those with the oldest pictures first."""

    duplicates: list[PictureDuplicates]
    complete: bool = Field(
        description="False if there are so many similar pictures that not all of them were compared."
    )
    next_cursor: str | None
