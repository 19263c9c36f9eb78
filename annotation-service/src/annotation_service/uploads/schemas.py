"""Uploads on the wire."""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field

from annotation_service.pictures.models import Picture
from annotation_service.pictures.service import UPLOADED
from annotation_service.workflow.models import Image
from annotation_service.workflow.states import ImageState
from lightbox_shared.hal import Resource, self_link


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


class UploadedImage(Resource):
    """An image that was made of an uploaded picture."""

    id: str = Field(examples=["1"])
    image_id: str = Field(description="The same as `id`.", examples=["1"])
    label_id: None = None
    state: str = Field(examples=["unassigned"])
    image_state: int = Field(examples=[300])
    info_id: str = Field(description="The id of the picture.", examples=["123"])
    filename: str
    url: str = Field(description="The name of the picture in `/uploads/medical-images/{url}`.")
    source: str = Field(description="Where the picture comes from.")

    @classmethod
    def values(cls, image: Image, picture: Picture, prefix: str) -> dict[str, Any]:
        """The members from the rows; paths begin with `prefix`."""
        state = ImageState(image.state)
        return {
            "id": str(image.id),
            "image_id": str(image.id),
            "state": state.seed_name,
            "image_state": int(state),
            "info_id": str(picture.id),
            "filename": picture.filename,
            "url": picture.url,
            "source": picture.source,
            "_links": self_link(
                f"{prefix}/images/{image.id}", picture=f"{prefix}/uploads/medical-images/{picture.url}"
            ),
        }

    @classmethod
    def of(cls, image: Image, picture: Picture, prefix: str) -> Self:
        """From the rows."""
        return cls(**cls.values(image, picture, prefix))


class UploadedImages(UploadedImage):
    """The first image that was made, and all of them."""

    message: str = "图片上传成功"
    data: list[UploadedImage] = Field(description="All images of the request, in the order of their files.")

    @classmethod
    def of_all(cls, made: list[tuple[Image, Picture]], prefix: str) -> Self:
        """From the rows of all."""
        everything = [UploadedImage.of(image, picture, prefix) for image, picture in made]
        return cls(data=everything, **cls.values(*made[0], prefix))
