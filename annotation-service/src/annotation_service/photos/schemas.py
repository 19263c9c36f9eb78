"""Photos on the wire."""

from pydantic import Field

from lightbox_shared.responses.hal import Resource


class UploadedPhoto(Resource):
    """A photo that was uploaded, and is that of the account now."""

    message: str = "头像上传成功"
    photo: str = Field(description="Its name, as accounts have it.", examples=["default.png"])
    url: str = Field(description="Its path.", examples=["/uploads/photos/default.png"])
