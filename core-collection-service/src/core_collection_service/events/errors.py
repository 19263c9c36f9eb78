"""What can go wrong with subscriptions."""

from lightbox_shared.errors import Unavailable


class FellBehind(Exception):
    """A subscriber did not take its pictures as fast as they came. What it had not taken is in the database."""


class TooManyStreams(Unavailable):
    """So many streams are open in this process that no further one is."""

    code = "too-many-streams"
    default_detail = "Too many streams of events are open."
