"""Errors of additions."""

from lightbox_shared.errors import NotFound


class NoSuchAddition(NotFound):
    """There is no such addition, or it was forgotten some days after it ended."""

    code = "no-such-addition"
    default_detail = "There is no such addition. One that has ended is forgotten after some days."
