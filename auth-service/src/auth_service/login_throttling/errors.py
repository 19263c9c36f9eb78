"""What can go wrong with too many attempts to sign in."""

import math

from lightbox_shared.errors import TooManyRequests


class TooManyFailures(TooManyRequests):
    """Too many sign-ins failed, with this name or from this address. The answer does not tell which."""

    code = "too-many-failed-sign-ins"
    default_detail = "Too many failed sign-ins. Please try again later."

    def __init__(self, seconds: float) -> None:
        super().__init__(retry_after=max(1, math.ceil(seconds)))
