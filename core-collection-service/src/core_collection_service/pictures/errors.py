"""What can go wrong with pictures, beside the kit's own failures."""

from collections.abc import Iterable
from http import HTTPStatus

from lightbox_shared.errors import BadRequest, Conflict, FieldError, LightboxError, NotFound, TooLarge


class InvalidField(BadRequest):
    """A member of what a device sent, or of a query, is missing or not acceptable: 400, and the sentence names it."""

    code = "invalid-field"

    def __init__(self, field: str, message: str, location: str = "body") -> None:
        super().__init__(f"{field}: {message}", fields=[FieldError(field, message, location)])


class NotOfThisList(InvalidField):
    """A cursor of another list, or none at all."""

    def __init__(self) -> None:
        super().__init__("cursor", "This is not a cursor of this list.", "query")


class AnotherPicture(Conflict):
    """The device has sent another picture of the same instant before; that one stays."""

    code = "another-picture"
    default_detail = "There is another picture of this device and timestamp already. Nothing is ever overwritten."


class PictureTooBig(TooLarge):
    """The picture has more bytes than are accepted."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"imageData: The picture is larger than {max_bytes:,} bytes.")


class UploadTooSlow(LightboxError):
    """The body stood still, or came too slowly to be waited for."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "request-timeout"

    def __init__(self, seconds: float) -> None:
        detail = f"The body came too slowly: too little of it, or nothing, in {seconds:g} seconds."
        super().__init__(detail, headers={"Connection": "close"})  # the rest of it is not worth reading


class NotAcceptable(LightboxError):
    """There is nothing here in a format that the client accepts; those that there are are named."""

    status = HTTPStatus.NOT_ACCEPTABLE
    code = "not-acceptable"

    def __init__(self, offered: Iterable[str]) -> None:
        super().__init__(f"Accept: This is offered as {', '.join(offered)}.")


class NoSuchPicture(NotFound):
    """No picture of this device and timestamp, or with this id."""

    code = "no-such-picture"
    default_detail = "There is no such picture."


class NoSuchCollection(NotFound):
    """No collection with this name is configured."""

    code = "no-such-collection"
    default_detail = "There is no such collection."
