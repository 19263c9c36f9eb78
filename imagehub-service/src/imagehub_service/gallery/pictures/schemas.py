"""Pictures on the wire, for administrators."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.gallery.text_fields import Caption, FileName, Tags, Title
from imagehub_service.renditions.links import PictureLinks, picture_links
from lightbox_shared.errors.sentences import NULL


class GalleryPicture(PictureLinks):
    """A picture of the gallery."""

    id: int = Field(description="Unique in the whole gallery.")
    group: int
    image_id: int = Field(description="Its number in the group, as ImageHub's own paths have it.")
    name: str = Field(description="The name of the file.")
    folder_name: str
    title: str | None
    caption: str | None
    tags: list[str]
    media_type: str = Field(description="Of the file.")
    size: int = Field(description="Bytes of the file.")
    sha256: str = Field(description="Of the file, hexadecimal.")
    original: str = Field(description="The path of the file as it came, for administrators.")
    created_at: datetime
    modified_at: datetime

    @classmethod
    def of(cls, row: Picture, *, public_base: str) -> Self:
        """From a row. `public_base` is the beginning of absolute addresses."""
        return cls(**_members(row, public_base))


class ListedPicture(GalleryPicture):
    """A picture in a list."""

    distance: int | None = Field(
        default=None,
        description="With `similar_to`: how many of the 64 bits of the difference hashes are not the same.",
    )

    @classmethod
    def found(cls, row: Picture, distance: int | None, *, public_base: str) -> Self:
        """From a row and its distance."""
        return cls(**_members(row, public_base), distance=distance)


class GalleryPictureList(BaseModel):
    """A page of pictures."""

    pictures: list[ListedPicture]
    next_cursor: str | None


class PictureChanges(BaseModel):
    """What is to be changed of a picture; what is absent stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"title": "The left hand", "caption": None, "tags": ["hand", "fracture"]}]},
    )

    name: FileName | None = None
    title: Title = None
    caption: Caption = None
    tags: Tags | None = None

    @model_validator(mode="after")
    def _not_null(self) -> Self:
        for field in ("name", "tags"):
            if field in self.model_fields_set and getattr(self, field) is None:
                raise ValueError(f"{field}: {NULL}")
        return self


class TagCount(BaseModel):
    """A tag, and how many pictures have it."""

    tag: str
    picture_count: int


class TagCountList(BaseModel):
    """A page of tags; those of most pictures come first."""

    tags: list[TagCount]
    next_cursor: str | None


def _members(row: Picture, public_base: str) -> dict[str, Any]:
    return {
        **dict(picture_links(row, public_base=public_base)),
        "id": row.id,
        "group": row.group_id,
        "image_id": row.image_id,
        "name": row.name,
        "folder_name": row.folder_name,
        "title": row.title,
        "caption": row.caption,
        "tags": row.tags,
        "media_type": row.media_type,
        "size": row.size,
        "sha256": row.sha256.hex(),
        "original": f"/api/gallery/pictures/{row.id}/original",
        "created_at": row.created_at,
        "modified_at": row.modified_at,
    }
