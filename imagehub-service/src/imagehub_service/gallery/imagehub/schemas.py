"""Groups and pictures on the wire, as ImageHub's administrators know them."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from imagehub_service.gallery.numbers import is_number


class ImageHubGroups(BaseModel):
    """The numbers of all groups."""

    data: list[int] = Field(examples=[[1, 2]])


class ImageHubImageName(BaseModel):
    """A picture of a group."""

    folder_name: str
    image_id: int
    image_name: str


class ImageHubImageNames(BaseModel):
    """The pictures of a group."""

    images: list[ImageHubImageName]


class ImageHubGroupsWithImages(BaseModel):
    """All groups by their numbers."""

    code: int = Field(examples=[1])
    data: dict[str, ImageHubImageNames]


class ImageHubLowImage(BaseModel):
    """A picture in low resolution, as a data URL."""

    code: int = Field(examples=[1])
    image: str
    hint: str = Field(examples=["got_image"])


class ImageHubOutcome(BaseModel):
    """What has come of a request."""

    code: int
    hint: str


class ImageHubDeleted(BaseModel):
    """The pictures are not in the gallery any more."""

    code: int = Field(examples=[1])
    hint: str = Field(examples=["image_deleted_from_database"])
    deleted: int = Field(description="How many there were.")


def _image_number(value: object) -> int:
    if not is_number(value):
        raise ValueError("It must be the number of a picture.")
    return int(str(value))


class ImageToDelete(BaseModel):
    """A picture of a group. Further members, such as those that the lists of pictures have, mean nothing."""

    image_id: Annotated[int, BeforeValidator(_image_number)]


class DeleteImageList(BaseModel):
    """Pictures that are to be deleted, by the numbers of their groups."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "image_list": {
                        "17": [
                            {
                                "folder_name": "System",
                                "image_id": 1,
                                "image_name": "steps-in-instruction-execution-by-cpu.png",
                            }
                        ]
                    }
                }
            ]
        }
    )

    image_list: dict[str, list[ImageToDelete]]

    @model_validator(mode="after")
    def _groups_are_numbers(self) -> Self:
        for key in self.image_list:
            if not is_number(key):
                raise ValueError(f"image_list: The number of a group is expected in place of {key[:40]!r}.")
        return self

    def pictures(self) -> set[tuple[int, int]]:
        """Numbers of groups, each with the number of a picture there."""
        return {(int(key), each.image_id) for key, entries in self.image_list.items() for each in entries}
