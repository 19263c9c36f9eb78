"""What can go wrong with pictures, beside the kit's own failures."""

from collections.abc import Iterable
from http import HTTPStatus

from lightbox_shared.errors import BadRequest, Conflict, FieldError, LightboxError, NotFound, TooLarge


class InvalidField(BadRequest):
    """A member of what a device sent, or of a query, is missing or not acceptable: 400, and the sentence names it."""

    code = "invalid-field"

    def __init__(self, field: str, message: str, location: str = "body") -> None:
        super().__init__(f"{field}: {message}", fields=[FieldError(field, message, location)])


class AnotherPicture(Conflict):
    """The device has sent another picture of the same instant before; that one stays."""

    code = "another-picture"
    default_detail = "There is another picture of this device and timestamp already. Nothing is ever overwritten."


class PictureTooBig(TooLarge):
    """The picture has more bytes than are accepted."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"imageData: The picture is larger than {max_bytes:,} bytes.")


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
