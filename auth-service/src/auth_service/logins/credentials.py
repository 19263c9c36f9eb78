"""Names and passwords as people type them, of every length and with every character.

A name or a password that no account can have is not a mistake in the request: it is answered like a wrong one. It is
replaced before it is normalised, which takes time that grows with the square of a text's length, and before the
database gets characters that it can't store.
"""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from auth_service.accounts.usernames import LONGEST_TYPED_USERNAME
from auth_service.basic import decode_basic
from auth_service.passwords.rules import MAX_PASSWORD_LENGTH
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.requests.forms import is_storable

IMPOSSIBLE_PASSWORD: Final = "x" * (MAX_PASSWORD_LENGTH + 1)
"""Longer than every password."""
_REPLACEMENT: Final = "\ufffd"
MALFORMED_BASIC: Final = "Not the credentials of RFC 7617: a name, a colon and a password in UTF-8, in base64."


def possible_username(text: str) -> str:
    """The name, or another one that no account can have if no account can have this one."""
    if is_storable(text) and len(text) <= LONGEST_TYPED_USERNAME:
        return text
    cut = "".join(each if is_storable(each) else _REPLACEMENT for each in text[:LONGEST_TYPED_USERNAME])
    return _REPLACEMENT + cut[1:]


def possible_password(text: str) -> str:
    """The password, or another one that no account can have if no account can have this one."""
    possible = is_storable(text) and len(text) <= MAX_PASSWORD_LENGTH
    return text if possible else IMPOSSIBLE_PASSWORD


# Before pydantic looks at the text: it takes half of a surrogate pair for a mistake in the request.
TypedUsername = Annotated[
    str, BeforeValidator(lambda value: possible_username(value) if isinstance(value, str) else value)
]
TypedPassword = Annotated[
    str,
    BeforeValidator(lambda value: possible_password(value) if isinstance(value, str) else value),
    Field(repr=False, json_schema_extra={"format": "password"}),
]


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """The name and the password of an `Authorization: Basic` header (RFC 7617); None if there is no header, or one of
    another scheme. Raises `InvalidRequest` for one that can't be read."""
    try:
        text = decode_basic(header)
    except ValueError:
        text = ""
    if text is None:
        return None
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidRequest.of("Authorization", MALFORMED_BASIC, "header")
    return username, password
