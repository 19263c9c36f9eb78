"""Numbers in requests, which clients send as numbers or as texts."""

import re
from typing import Final

from lightbox_shared.requests.parameters import LARGEST_ROW_ID

LARGEST_IMAGE_ID: Final = 2**31 - 1
"""Of the numbers of pictures in their groups."""

_TEXT: Final = re.compile(r"-?[0-9]{1,40}")


def is_number(value: object) -> bool:
    """Whether it is an integer, or a text with one."""
    if isinstance(value, str):
        return _TEXT.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40


def can_be_picture(group_id: int, image_id: int) -> bool:
    """Whether there can be a picture of this number in a group of this number."""
    return 1 <= group_id <= LARGEST_ROW_ID and 1 <= image_id <= LARGEST_IMAGE_ID
