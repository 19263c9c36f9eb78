"""The fields of an account in requests, as types of pydantic: each refuses what is not acceptable, in the sentence that
the documented clients know."""

import re
import unicodedata
from typing import Annotated, Any, Final

import email_validator
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, WithJsonSchema

from auth_service.accounts.usernames import MAX_USERNAME_LENGTH, clean_username, username_problem
from auth_service.config import AuthSettings
from auth_service.passwords.rules import MAX_PASSWORD_LENGTH, password_problem
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors.sentences import CONTROL_CHARACTERS, NOT_A_STRING, NULL_CHARACTERS, Sentence
from lightbox_shared.requests.forms import is_storable

MAX_EMAIL_LENGTH: Final = 254
MAX_NICKNAME_LENGTH: Final = 150
MAX_PHOTO_LENGTH: Final = 2048
DEFAULT_PHOTO: Final = "default.png"
"""What is shown for an account without a picture of its own; annotation-service has the file."""

UNKNOWN_AUTHORITY: Final = "Not one of {}.".format(", ".join(f"{each:d} ({each.name.lower()})" for each in Authority))
INVALID_EMAIL: Final = Sentence("invalid-email", "Enter a valid email address.")
INVALID_PHOTO: Final = "Enter a path of this platform, an http or https address, or the name of a picture."

# The documented way of the library to accept names that the public DNS does not have (.local, .test, .internal).
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# Web pages load it: neither a scheme that runs code (`javascript:`) nor a character that ends an attribute.
_PHOTO: Final = re.compile(r"""(?:(?:https?://|/)[^\s"'<>\\\x00-\x1f]*|[\w.-]+)?""")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})  # Cf includes those that change the direction of a line
_AUTHORITIES: Final = {
    **{str(int(authority)): authority for authority in Authority},
    **{authority.name.lower(): authority for authority in Authority},
}
_AUTHORITY_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "integer", "enum": [int(authority) for authority in Authority]},
        {"type": "string", "enum": list(_AUTHORITIES)},
    ],
    "description": "By its number or its name.",
}


def authority_of(value: object) -> Authority | None:
    """The authority that is written as `102`, `"102"`, `"doctor"` or `"Doctor"`; None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return next((authority for authority in Authority if authority == value), None)
    return _AUTHORITIES.get(value.lower()) if isinstance(value, str) else None


def authority_name(code: int) -> str:
    """The name of an authority: `doctor` for 102."""
    return Authority(code).name.lower()


def clean_email(text: str) -> str | None:
    """An email address in its normal form (RFC 5321, 5322, 6531), or None if it is not valid.

    Addresses inside of a laboratory (`ada@scanner.local`) are valid. Whether mail can be delivered is not checked.
    """
    if len(text) > MAX_EMAIL_LENGTH:
        return None
    try:
        found = email_validator.validate_email(text, check_deliverability=False, globally_deliverable=False)
    except email_validator.EmailNotValidError:
        return None
    return found.normalized


def _username(text: str) -> str:
    username = clean_username(text)
    problem = username_problem(username)
    if problem is not None:
        raise ValueError(problem)
    return username


def _new_password(text: str, info: ValidationInfo) -> str:
    settings = info.context
    shortest = settings.shortest_password if isinstance(settings, AuthSettings) else 1
    problem = password_problem(text, shortest=shortest)
    if problem is not None:
        raise ValueError(problem)
    return text


def _email(text: str) -> str:
    email = clean_email(text) if text else ""
    if email is None:
        raise ValueError(INVALID_EMAIL)
    return email


def _nickname(text: str) -> str:
    if any(unicodedata.category(each) in _INVISIBLE for each in text):
        raise ValueError(CONTROL_CHARACTERS)
    return text


def _photo(text: str) -> str | None:
    if not _PHOTO.fullmatch(text):
        raise ValueError(INVALID_PHOTO)
    return None if text in {"", DEFAULT_PHOTO} else text


def refuse_unstorable(value: object) -> object:
    """A text that can be stored, or a value that is no text. Raises `ValueError`. For fields of a body in which others,
    which are ignored, may have any text."""
    if isinstance(value, str) and not is_storable(value):
        raise ValueError(NULL_CHARACTERS if "\0" in value else NOT_A_STRING)
    return value


def _authority(value: object) -> Authority:
    authority = authority_of(value)
    if authority is None:
        raise ValueError(UNKNOWN_AUTHORITY)
    return authority


Username = Annotated[
    str,
    # The length is checked first: the rule normalises the text.
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_USERNAME_LENGTH),
    AfterValidator(_username),
]
NewPassword = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PASSWORD_LENGTH, repr=False, json_schema_extra={"format": "password"}),
    AfterValidator(_new_password),
]
"""The shortest length is a setting, which `lightbox_shared.requests.bodies` hands to the validation."""
Nickname = Annotated[str, Field(max_length=MAX_NICKNAME_LENGTH), AfterValidator(_nickname)]
Email = Annotated[str, AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email"})]
Photo = Annotated[str, Field(max_length=MAX_PHOTO_LENGTH), AfterValidator(_photo)]
"""None after the validation for `DEFAULT_PHOTO` and an empty text, which say that there is no picture."""
AuthorityField = Annotated[Authority, BeforeValidator(_authority), WithJsonSchema(_AUTHORITY_SCHEMA)]
