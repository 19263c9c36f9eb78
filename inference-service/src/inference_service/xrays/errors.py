"""What can go wrong with an X-ray, and the shape in which CheXRay's clients read it."""

from lightbox_shared.errors import Forbidden
from lightbox_shared.errors.dialects import FieldMap


class NotTheOwner(Forbidden):
    """The X-ray belongs to somebody else."""

    code = "not-the-owner"
    default_detail = "You don't have permission to view this."


CHEXRAY = FieldMap(scheme="Token", members={NotTheOwner.code: "response"})
