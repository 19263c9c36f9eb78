"""Groups and pictures on the wire, as visitors see them."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.renditions.links import PictureLinks, picture_links


class GroupCover(PictureLinks):
    """The picture that stands for a group."""

    id: int
    name: str = Field(description="The name of its file.")

    @classmethod
    def of(cls, row: Picture, *, public_base: str, key: str | None) -> Self:
        """From a row. `public_base` is the beginning of absolute addresses, `key` that of a share."""
        return cls(**dict(picture_links(row, public_base=public_base, key=key)), id=row.id, name=row.name)


class ShownGroup(BaseModel):
    """A group that has pictures."""

    id: int
    title: str | None
    caption: str | None
    parent: int | None = Field(description="The group above it, if visitors see that.")
    picture_count: int
    subgroup_count: int = Field(description="Groups directly below it that visitors see.")
    cover: GroupCover

    @classmethod
    def of(cls, row: Group, cover: GroupCover, *, parent: int | None, subgroups: int) -> Self:
        """From a row, its cover and the groups around it."""
        return cls(
            id=row.id,
            title=row.title,
            caption=row.caption,
            parent=parent,
            picture_count=row.picture_count,
            subgroup_count=subgroups,
            cover=cover,
        )


class ShownGroupList(BaseModel):
    """A page of groups, in their order."""

    groups: list[ShownGroup]
    next_cursor: str | None


class ShownPicture(PictureLinks):
    """A picture."""

    id: int = Field(description="Unique in the whole gallery.")
    group: int
    name: str = Field(description="The name of the file.")
    title: str | None
    caption: str | None
    tags: list[str]
    created_at: datetime = Field(description="When it came into the gallery.")

    @classmethod
    def of(cls, row: Picture, *, public_base: str, key: str | None) -> Self:
        """From a row. `public_base` is the beginning of absolute addresses, `key` that of a share."""
        return cls(
            **dict(picture_links(row, public_base=public_base, key=key)),
            id=row.id,
            group=row.group_id,
            name=row.name,
            title=row.title,
            caption=row.caption,
            tags=row.tags,
            created_at=row.created_at,
        )


class ShownPictureList(BaseModel):
    """A page of pictures."""

    pictures: list[ShownPicture]
    next_cursor: str | None


class PictureWithNeighbours(BaseModel):
    """A picture, and the ids of those beside it in its group."""

    picture: ShownPicture
    previous: int | None
    next: int | None
