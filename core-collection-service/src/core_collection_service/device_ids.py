"""The ids that devices choose for themselves.

Ids are compared code point by code point and never normalised, as RFC 6690 section 4.1 compares values: letters that
only look alike make different devices.
"""

import unicodedata
from typing import Final

from core_collection_service.errors import InvalidField
from lightbox_shared.errors.sentences import CONTROL_CHARACTERS, Sentence

LONGEST_DEVICE_ID: Final = 255
"""In characters."""
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs"})
"""Control characters, and halves of surrogate pairs, which UTF-8 can't carry."""


def has_forbidden_character(text: str) -> bool:
    """Whether there is a control character in a text, or what UTF-8 can't carry."""
    is_plain = text.isascii() and text.isprintable()
    return not is_plain and any(unicodedata.category(each) in _FORBIDDEN_CATEGORIES for each in text)


def validate_device_id(value: object) -> str:
    """`value` as a device id: 1 to 255 characters, none of them a control character. Raises `ValueError` with a
    sentence for the client."""
    if not isinstance(value, str):
        raise ValueError("Not a text.")  # noqa: TRY004 - pydantic takes a ValueError for invalid input
    if not value:
        raise ValueError(Sentence("blank", "It may not be empty."))
    if len(value) > LONGEST_DEVICE_ID:
        raise ValueError(Sentence("too-long", f"Longer than {LONGEST_DEVICE_ID} characters.", most=LONGEST_DEVICE_ID))
    if has_forbidden_character(value):
        raise ValueError(CONTROL_CHARACTERS)
    return value


def check_device_id(value: object, location: str = "body") -> str:
    """The same, for a device id that is not in a submitted document. Raises `InvalidField`."""
    try:
        return validate_device_id(value)
    except ValueError as error:
        raise InvalidField("deviceId", str(error), location) from error
