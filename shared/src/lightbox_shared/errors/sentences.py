"""Sentences about single fields of a request, used wherever fields are checked. Clients of CheXRay rely on them."""

from typing import Final

REQUIRED: Final = "This field is required."
BLANK: Final = "This field may not be blank."
NULL: Final = "This field may not be null."
NOT_A_STRING: Final = "Not a valid string."


def too_long(most: int) -> str:
    """The sentence for a text of more than `most` characters."""
    return f"Ensure this field has no more than {most} characters."
