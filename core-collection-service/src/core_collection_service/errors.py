"""Errors that several features raise."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from lightbox_shared.errors import BadRequest, FieldError, LightboxError, NotFound

REQUIRED: Final = "This field is required."


class InvalidField(BadRequest):
    """A member of a submitted document, or a query parameter, is missing or not valid: 400, and the detail begins with
    its name."""

    code = "invalid-field"

    def __init__(self, field: str, message: str, location: str = "body") -> None:
        super().__init__(f"{field}: {message}", fields=[FieldError(field, message, location)])


class InvalidCursor(InvalidField):
    """A cursor that this service did not make, or made for another list."""

    def __init__(self) -> None:
        super().__init__("cursor", "This is not a cursor of this list.", "query")


class NotAcceptable(LightboxError):
    """None of the formats that are offered is one that the client accepts; the detail names them."""

    status = HTTPStatus.NOT_ACCEPTABLE
    code = "not-acceptable"
    default_detail = "There is no acceptable format."

    @classmethod
    def offering(cls, formats: Iterable[str]) -> "NotAcceptable":
        """The error for a resource that has these formats."""
        return cls(f"Accept: This is offered as {', '.join(formats)}.")


class NoSuchCollection(NotFound):
    """No collection with this name is configured."""

    code = "no-such-collection"
    default_detail = "There is no such collection."
