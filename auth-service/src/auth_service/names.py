"""The names that people give to their keys, passkeys and clients."""

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from lightbox_shared.errors.sentences import NOT_PRINTABLE

MAX_NAME_LENGTH: Final = 100


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError(NOT_PRINTABLE)
    return name


PrintableName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(_printable),
]
