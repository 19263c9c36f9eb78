"""Accounts as people send them: TheYelda's fields, with one sentence for each that is not acceptable."""

import re
import unicodedata
from typing import Final

from auth_service.accounts.authorities import UNKNOWN_AUTHORITY, authority_of
from auth_service.accounts.authorization import Edit, NewAccount
from auth_service.accounts.emails import INVALID_EMAIL, clean_email
from auth_service.accounts.names import (
    MAX_PASSWORD_LENGTH,
    MAX_USERNAME_LENGTH,
    clean_username,
    password_problem,
    username_problem,
)
from auth_service.accounts.registration import Profile
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.forms import Fields

MAX_NICKNAME_LENGTH: Final = 150
MAX_PHOTO_LENGTH: Final = 2048
# Clients load it: nothing that runs (`javascript:`), nothing that ends an attribute.
_PHOTO: Final = re.compile(r"""(?:(?:https?://|/)[^\s"'<>\\\x00-\x1f]*|[\w.-]+)?""")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})  # also those that turn the direction of a line


def read_new_account(values: dict[str, object], *, shortest_password: int) -> NewAccount:
    """An account to be made. Raises `InvalidRequest`."""
    fields = Fields(values)
    username = _username(fields, fields.text("username", trim=True, max_length=MAX_USERNAME_LENGTH))
    password = _password(fields, fields.text("password", max_length=MAX_PASSWORD_LENGTH), shortest_password)
    authority = _authority(fields, values)
    profile = _profile(fields, values)
    fields.check()
    return NewAccount(username, password, authority or Authority.NONE, Profile(**profile))


def read_edit(values: dict[str, object], *, shortest_password: int) -> Edit:
    """What an account is to become; what is absent stays. Raises `InvalidRequest`."""
    fields = Fields(values)
    username = password = None
    if "username" in values:
        username = _username(fields, fields.text("username", trim=True, max_length=MAX_USERNAME_LENGTH))
    if "password" in values:
        password = _password(fields, fields.text("password", max_length=MAX_PASSWORD_LENGTH), shortest_password)
    authority = _authority(fields, values)
    profile = _profile(fields, values)
    fields.check()
    return Edit(username, password, authority, profile)


def read_authority(value: str | None) -> Authority | None:
    """The parameter of a list. Raises `InvalidRequest`."""
    authority = authority_of(value)
    if authority is None and value is not None:
        raise InvalidRequest.of("authority", UNKNOWN_AUTHORITY, "query")
    return authority


def _username(fields: Fields, text: str) -> str:
    problem = username_problem(clean_username(text))
    if problem is not None:
        fields.reject("username", problem)
    return text


def _password(fields: Fields, text: str, shortest: int) -> str:
    problem = password_problem(text, shortest=shortest)
    if problem is not None:
        fields.reject("password", problem)
    return text


def _authority(fields: Fields, values: dict[str, object]) -> Authority | None:
    authority = authority_of(values.get("authority"))
    if authority is None and "authority" in values:
        fields.reject("authority", UNKNOWN_AUTHORITY)
    return authority


def _profile(fields: Fields, values: dict[str, object]) -> dict[str, str | None]:
    """The fields that are there; null takes one away."""
    limits = {"nickname": MAX_NICKNAME_LENGTH, "email": None, "photo": MAX_PHOTO_LENGTH}
    profile = {
        name: None if values[name] is None else fields.optional_text(name, max_length=limit)
        for name, limit in limits.items()
        if name in values
    }
    if profile.get("email") and (email := clean_email(profile["email"] or "")) != profile["email"]:
        profile["email"] = email
        if email is None:
            fields.reject("email", INVALID_EMAIL)
    if any(unicodedata.category(each) in _INVISIBLE for each in profile.get("nickname") or ""):
        fields.reject("nickname", "Control characters are not allowed.")
    if not _PHOTO.fullmatch(profile.get("photo") or ""):
        fields.reject("photo", "Enter a path of this platform, an http or https address, or the name of a picture.")
    return profile
