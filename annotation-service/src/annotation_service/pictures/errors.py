"""What can go wrong with pictures."""

from lightbox_shared.errors import Forbidden, NotFound


class NoSuchPicture(NotFound):
    """There is no picture of this name."""

    code = "no-such-picture"


class OriginalNeedsAdministrator(Forbidden):
    """Only administrators get a picture as it was uploaded, which has its metadata."""

    code = "original-needs-administrator"
