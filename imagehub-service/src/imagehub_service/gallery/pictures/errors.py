"""Errors of pictures."""

from lightbox_shared.errors import NotFound


class NoSuchPicture(NotFound):
    """There is no picture with this id."""

    code = "no-such-picture"
    default_detail = "There is no such picture."
