"""Names and passwords as anybody may type them: of any length, with any characters.

What no account can have is no mistake in the request, but a wrong name or a wrong password, and answered as one. It is
replaced before it meets what it would be too long for: composing a text takes time that grows with its square.
"""

from typing import Final

from auth_service.accounts.names import LONGEST_TYPED_USERNAME, MAX_PASSWORD_LENGTH
from auth_service.basic import decode_basic
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import REQUIRED
from lightbox_shared.forms import Fields, is_storable

NOBODYS: Final = "x" * (MAX_PASSWORD_LENGTH + 1)
"""Too long to be anybody's."""
_REPLACEMENT: Final = "\ufffd"
NO_BASIC: Final = "Not the credentials of RFC 7617: a name, a colon and a password in UTF-8, in base64."


def possible_username(text: str) -> str:
    """The name, or in its place one that nobody has either."""
    if is_storable(text) and len(text) <= LONGEST_TYPED_USERNAME:
        return text
    cut = "".join(each if is_storable(each) else _REPLACEMENT for each in text[:LONGEST_TYPED_USERNAME])
    return _REPLACEMENT + cut[1:]


def possible_password(text: str) -> str:
    """The password, or in its place one that nobody has either."""
    possible = is_storable(text) and len(text) <= MAX_PASSWORD_LENGTH
    return text if possible else NOBODYS


def typed_text(fields: Fields, name: str, values: dict[str, object]) -> str:
    """A text that must be there, and may be any, the empty one too."""
    if name not in values:
        fields.reject(name, REQUIRED)
    return fields.optional_text(name) or ""


def basic_credentials(header: str | None) -> tuple[str, str] | None:
    """Name and password of an `Authorization: Basic` header (RFC 7617); None for no header or another scheme. Raises
    `InvalidRequest` for one that can't be read."""
    try:
        text = decode_basic(header)
    except ValueError:
        text = ""
    if text is None:
        return None
    username, colon, password = text.partition(":")
    if not colon:
        raise InvalidRequest.of("Authorization", NO_BASIC, "header")
    return username, password
