"""What can go wrong with rules of retention."""

from lightbox_shared.errors import NotFound


class NoSuchRule(NotFound):
    """The device, or the collection, has no rule of its own."""

    code = "no-such-rule"
    default_detail = "There is no such rule."
