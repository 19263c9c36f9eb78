"""What becomes of too many guesses."""

import math

from lightbox_shared.errors import TooManyRequests


class TooManyFailures(TooManyRequests):
    """The password was wrong too often, from here or for this name; which of the two is nobody's business."""

    code = "too-many-failed-sign-ins"
    default_detail = "Too many failed sign-ins. Please try again later."

    def __init__(self, seconds: float) -> None:
        super().__init__(retry_after=max(1, math.ceil(seconds)))
