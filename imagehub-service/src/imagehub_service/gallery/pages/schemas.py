"""The gallery as visitors see it, on the wire. A picture has the members that ImageHub documents, and beside its bytes
in base64 the addresses of its other sizes."""

from pydantic import BaseModel, Field

from imagehub_service.renditions.links import PictureLinks

DATA_URL = "The picture in 180 x 115 pixels, as a data URL."


class ImageHubPageItem(PictureLinks):
    """A group, shown by its cover."""

    group: int
    image_name: str
    image: str = Field(description=DATA_URL)
    title: str | None = Field(description="Of the group.")
    caption: str | None = Field(description="Of the group.")
    image_id: int = Field(serialization_alias="imageID", description="The number of the cover in its group.")


class ImageHubPage(BaseModel):
    """A page of groups."""

    code: int = Field(examples=[1])
    data: list[ImageHubPageItem]
    hint: str = Field(examples=["got_images"])


class ImageHubNothing(BaseModel):
    """What was asked for is not there; the hint says what."""

    code: int = Field(examples=[0])
    hint: str = Field(examples=["database_empty"])


class ImageHubGroupItem(PictureLinks):
    """A picture of a group."""

    group: int
    image_id: int = Field(serialization_alias="imageID")
    image_name: str = Field(serialization_alias="imageName")
    image: str = Field(description=DATA_URL)
    title: str | None
    caption: str | None


class ImageHubGroupPictures(BaseModel):
    """All pictures of a group."""

    status: int = Field(examples=[1])
    data: list[ImageHubGroupItem]


class ImageHubNoGroup(BaseModel):
    """There is no such group, or it has no pictures."""

    status: int = Field(examples=[0])
    data: str


class ImageHubPictureData(PictureLinks):
    """A picture."""

    image_name: str = Field(serialization_alias="imageName")
    image: str = Field(description="The picture in 700 x 525 pixels, as a data URL.")
    title: str = Field(description="By default the name of the file.")
    caption: str | None
    group: int
    image_id: int = Field(serialization_alias="imageID")


class ImageHubPicture(BaseModel):
    """A picture in high resolution."""

    code: int = Field(examples=[1])
    data: ImageHubPictureData
    hint: str = Field(examples=["image_found"])


class ImageHubTotalPages(BaseModel):
    """How many pages there are."""

    total_page: int = Field(serialization_alias="totalPage")


class ImageHubWholePicture(BaseModel):
    """A picture in full resolution."""

    image_name: str
    image: str = Field(description="The whole picture, as a data URL.")


class ImageHubDownload(BaseModel):
    """A picture in full resolution, to be kept."""

    code: int = Field(examples=[1])
    image: ImageHubWholePicture
    hint: str = Field(examples=["image_found"])
