"""What can go wrong with subscriptions."""

from lightbox_shared.errors import Unavailable


class SlowSubscriber(Exception):
    """A subscriber did not take its pictures as fast as they arrived. Those that it has not taken are in the
    database."""


class TooManyStreams(Unavailable):
    """This process has as many open streams as it accepts."""

    code = "too-many-streams"
    default_detail = "Too many streams of events are open."
