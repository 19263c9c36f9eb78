"""Groups on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imagehub_service.gallery.groups.models import Group
from imagehub_service.gallery.text_fields import Caption, Title
from lightbox_shared.requests.parameters import LARGEST_ROW_ID

RowNumber = Annotated[int, Field(ge=1, le=LARGEST_ROW_ID)]
Parent = Annotated[RowNumber | None, Field(description="The number of the group above it.")]


class NewGalleryGroup(BaseModel):
    """A group to be made. Visitors see it when it has a picture."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"title": "Views of the left hand"}]})

    title: Title = None
    caption: Caption = None
    parent: Parent = None


class GroupChanges(BaseModel):
    """What is to be changed of a group; what is absent stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "The left hand", "cover": 12, "parent": None}]}
    )

    title: Title = None
    caption: Caption = None
    cover: Annotated[RowNumber | None, Field(description="The id of one of its pictures; null for the first one.")] = (
        None
    )
    parent: Parent = None


class PlaceInOrder(BaseModel):
    """The new place of a group or a picture, directly before or behind another one. One of the two has to be there."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"before": 3}, {"after": 7}]})

    before: RowNumber | None = None
    after: RowNumber | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise ValueError("before, after: Send one of them.")
        return self

    @property
    def neighbour(self) -> int:
        """The other one."""
        return self.before or self.after or 0

    @property
    def is_before(self) -> bool:
        """Whether the new place is before the other one."""
        return self.before is not None

    @property
    def field(self) -> str:
        """The name of the field that was sent."""
        return "before" if self.is_before else "after"


class GalleryGroup(BaseModel):
    """A group."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    title: str | None
    caption: str | None
    cover: int | None
    """The id of the picture that stands for it; null for its first one."""
    parent: int | None
    picture_count: int
    """Visitors see a group that has pictures."""
    created_at: datetime
    modified_at: datetime

    @classmethod
    def of(cls, row: Group) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            title=row.title,
            caption=row.caption,
            cover=row.cover_id,
            parent=row.parent_id,
            picture_count=row.picture_count,
            created_at=row.created_at,
            modified_at=row.modified_at,
        )


class GalleryGroupList(BaseModel):
    """A page of groups, in the order in which visitors see them."""

    groups: list[GalleryGroup]
    next_cursor: str | None
