"""Uploads on the wire."""

from typing import Self

from pydantic import BaseModel, Field

from annotation_service.fields import Source
from annotation_service.images.schemas import ListedImage
from annotation_service.pictures.models import Picture
from annotation_service.pictures.service import UPLOADED
from annotation_service.workflow.models import Image


class UploadFields(BaseModel):
    """The text fields of an upload."""

    source: Source = UPLOADED
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
