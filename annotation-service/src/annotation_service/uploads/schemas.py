"""Uploads on the wire."""

import unicodedata
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field

from annotation_service.images.schemas import ListedImage
from annotation_service.pictures.models import Picture
from annotation_service.pictures.service import UPLOADED
from annotation_service.workflow.models import Image


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        raise ValueError("Control characters are not allowed.")
    return text


class UploadFields(BaseModel):
    """The text fields of an upload."""

    source: Annotated[
        str,
        Field(max_length=2048, description="Where the picture comes from.", examples=["Clinic A"]),
        AfterValidator(_without_control_characters),
    ] = UPLOADED
    scheme: str | None = Field(None, max_length=200, description="The label scheme, as `name` or `name/version`.")


class UploadedImages(ListedImage):
    """The first image that was made, and all of them."""

    message: str = "图片上传成功"
    data: list[ListedImage] = Field(description="All images of the request, in the order of their files.")

    @classmethod
    def of_all(cls, made: list[tuple[Image, Picture]], prefix: str) -> Self:
        """From the rows of all."""
        everything = [ListedImage.of(image, picture, prefix) for image, picture in made]
        return cls(data=everything, **cls.values(*made[0], prefix))
