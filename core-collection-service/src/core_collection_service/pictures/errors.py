"""What can go wrong with pictures."""

from http import HTTPStatus

from lightbox_shared.errors import Conflict, LightboxError, NotFound, TooLarge


class NoSuchPicture(NotFound):
    """No picture of this device and timestamp, or with this id."""

    code = "no-such-picture"
    default_detail = "There is no such picture."


class AnotherPicture(Conflict):
    """The device has sent another picture with the same timestamp before; that one stays."""

    code = "another-picture"
    default_detail = "There is another picture of this device and timestamp already. Nothing is ever overwritten."


class PictureTooLarge(TooLarge):
    """The picture has more bytes than are accepted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"imageData: The picture is larger than {limit:,} bytes.")


class UploadTooSlow(LightboxError):
    """The body of an upload arrived below the minimum data rate."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "request-timeout"
    default_detail = "The body came too slowly."

    @classmethod
    def after(cls, seconds: float) -> "UploadTooSlow":
        """The error for a body of which too little arrived within `seconds`. The connection is closed, so that the rest
        of the body need not be read."""
        detail = f"The body came too slowly: too little of it, or nothing, in {seconds:g} seconds."
        return cls(detail, headers={"Connection": "close"})


class NoThumbnail(LightboxError):
    """The picture is stored as it was sent, and has no thumbnail: it is damaged, or of a kind that is not decoded."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "no-thumbnail"
    default_detail = "The picture has no thumbnail."
