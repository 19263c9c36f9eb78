"""What can go wrong with subscriptions."""


class SlowSubscriber(Exception):
    """A subscriber did not take its pictures as fast as they arrived. Those that it has not taken are in the
    database."""
