"""Images on the wire. Later clients read other keys for the same things, so a resource has both."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.fields import ImageStateField, NamedStateField, OptionalId, Source
from annotation_service.pictures.models import Picture
from annotation_service.workflow.models import Image
from annotation_service.workflow.service import ImageEdit
from annotation_service.workflow.states import ImageState, NamedState
from lightbox_shared.responses.hal import Resource, self_link

IMAGES_PATH = "/images"


def image_path(image_id: int) -> str:
    """The path of an image at the root."""
    return f"{IMAGES_PATH}/{image_id}"


class ListedImage(Resource):
    """One image of a list."""

    id: str = Field(examples=["1"])
    image_id: str = Field(description="The same as `id`.", examples=["1"])
    state: str = Field(examples=["unassigned"])
    image_state: int = Field(description="300, 301, 302, 303 (different a second time) or 304 (done).", examples=[300])
    groundtruth_id: str | None = Field(description="The label that is the result.", examples=["123"])
    label_id: str | None = Field(description="The same as `groundtruth_id`.")
    info_id: str = Field(description="The id of the picture.", examples=["123"])
    filename: str
    url: str = Field(description="The name of the picture in `/uploads/medical-images/{url}`.")
    source: str = Field(description="Where the picture comes from.")

    @classmethod
    def values(cls, image: Image, picture: Picture, prefix: str) -> dict[str, Any]:
        """The members from the rows; paths begin with `prefix`."""
        state = ImageState(image.state)
        truth = None if image.ground_truth_id is None else str(image.ground_truth_id)
        picture_path = f"{prefix}/uploads/medical-images/{picture.url}"
        links = self_link(prefix + image_path(image.id), picture=picture_path)
        if truth is not None:
            links["groundtruth"] = {"href": f"{prefix}/label/{truth}"}
        return {
            "id": str(image.id),
            "image_id": str(image.id),
            "state": NamedState.of(state),
            "image_state": int(state),
            "groundtruth_id": truth,
            "label_id": truth,
            "info_id": str(picture.id),
            "filename": picture.filename,
            "url": picture.url,
            "source": picture.source,
            "_links": links,
        }

    @classmethod
    def of(cls, image: Image, picture: Picture, prefix: str) -> Self:
        """From the rows."""
        return cls(**cls.values(image, picture, prefix))


class ImageResource(ListedImage):
    """One image."""

    message: str

    @classmethod
    def saying(cls, message: str, image: Image, picture: Picture, prefix: str) -> Self:
        """From the rows, with a message."""
        return cls(message=message, **cls.values(image, picture, prefix))


class ImageDeleted(Resource):
    """What is said of an image that was deleted."""

    message: str


class ImageList(Resource):
    """A page of images."""

    message: str
    data: list[ListedImage]
    total: int = Field(description="Images on all pages.")
    offset: int
    limit: int


class NewImage(BaseModel):
    """A picture of the platform that is to be labelled."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"file_path": "/images/abc.png"}]})

    file_path: str = Field(
        min_length=1,
        max_length=2048,
        description="The path of an upload, an X-ray or a picture of the collection; or `/images/{filename}` for the "
        "upload of that name.",
    )
    scheme: str | None = Field(None, max_length=200, description="The label scheme, as `name` or `name/version`.")


class EditedImage(BaseModel):
    """What to change in an image. What can't be changed, or is as it was, is ignored, so that a client may send back
    what it was answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "Clinic A"}]})

    groundtruth_id: OptionalId = None
    label_id: OptionalId = None
    state: NamedStateField = None
    image_state: ImageStateField = None
    source: Source | None = None

    def edit(self, ground_truth_id: int | None) -> ImageEdit:
        """For an image with this ground truth. Of the two names of a label the one that differs from it counts."""
        sent = [each for each in (self.groundtruth_id, self.label_id) if each is not None]
        label_id = next((each for each in sent if each != ground_truth_id), sent[0] if sent else None)
        states = [] if self.state is None else [self.state.states]
        if self.image_state is ImageState.DIFFERENT_AGAIN:  # older clients write 303 for done
            states.append(frozenset({ImageState.DIFFERENT_AGAIN, ImageState.DONE}))
        elif self.image_state is not None:
            states.append(frozenset({self.image_state}))
        return ImageEdit(label_id, tuple(states))
