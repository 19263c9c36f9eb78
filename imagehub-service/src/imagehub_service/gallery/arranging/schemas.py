"""Changes of groups and their pictures on the wire."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imagehub_service.gallery.groups.schemas import RowNumber

MAX_MERGED = 100
MAX_MOVED = 1000


class GroupsToMerge(BaseModel):
    """The groups whose pictures come into another one."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, json_schema_extra={"examples": [{"from": [4, 9]}]})

    from_groups: Annotated[list[RowNumber], Field(alias="from", min_length=1, max_length=MAX_MERGED)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.from_groups)) < len(self.from_groups):
            raise ValueError("from: A group is there twice.")
        return self


class PicturesToMove(BaseModel):
    """The pictures that come into a group, in their new order."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"pictures": [12, 7]}]})

    pictures: Annotated[list[RowNumber], Field(min_length=1, max_length=MAX_MOVED)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.pictures)) < len(self.pictures):
            raise ValueError("pictures: A picture is there twice.")
        return self
