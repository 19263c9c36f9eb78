"""The errors of CheXRay, and their form in its responses."""

from lightbox_shared.errors import Forbidden
from lightbox_shared.errors.dialects import FieldMap


class NotTheOwner(Forbidden):
    """The X-ray belongs to another account."""

    code = "not-the-owner"
    default_detail = "You don't have permission to view this."


CHEXRAY = FieldMap(scheme="Token", members={NotTheOwner.code: "response"})
