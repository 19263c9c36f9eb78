"""The errors of the COVID-19 API and its documented sentences."""

from lightbox_shared.errors import BadRequest
from lightbox_shared.errors.dialects import ErrorMember

COVID19 = ErrorMember(
    {
        404: "Not a valid endpoint, you only have /alive or /predict",
        405: "Not a valid method",
        500: "Internal server error",
    }
)


class EmptyFile(BadRequest):
    """The field `file` is missing or empty."""

    code = "empty-file"
    default_detail = "file you send is empty !!!"


class NotAnImage(BadRequest):
    """The file can't be decoded as a picture."""

    code = "not-an-image"
    default_detail = "file you send is not an image !!!"
