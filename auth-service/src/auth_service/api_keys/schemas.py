"""API keys on the wire."""

import unicodedata
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, Strict, StringConstraints

from auth_service.api_keys.repository import StoredKey
from lightbox_shared.auth.principal import Scope

MAX_NAME_LENGTH: Final = 100
MAX_DEVICE_LENGTH: Final = 255
DEFAULT_DAYS: Final = 365
MAX_DAYS: Final = 3650


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("Only printable characters are allowed.")
    return name


def _identifies(device_id: str) -> str:
    # Control characters, and halves of surrogate pairs, which have no UTF-8.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in device_id):
        raise ValueError("Control characters and lone surrogates are not allowed.")
    return device_id


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(_printable),
]
DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_DEVICE_LENGTH), AfterValidator(_identifies)]
"""As the device sends it: neither stripped nor normalised, since the collection compares it character by character."""


class NewApiKey(BaseModel):
    """What somebody wants a key for."""

    model_config = ConfigDict(extra="forbid")  # a mistyped `expires_in_days` must not become a year

    name: Name
    """For people to tell their keys apart."""
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    expires_in_days: Annotated[int, Strict(), Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS
    device_id: DeviceId | None = None
    """The one device that it may speak for; takes the scope `collect`."""


class ApiKeyBody(BaseModel):
    """A key, as far as anybody can see it again."""

    id: int
    account_id: int
    name: str
    hint: str
    """Its first characters."""
    scopes: list[str]
    device_id: str | None
    """The one device that it may speak for."""
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    """To the minute."""
    last_used_address: str | None

    @classmethod
    def of(cls, stored: StoredKey) -> Self:
        """From its rows."""
        row, login = stored.row, stored.login
        return cls(
            id=row.session_id,
            account_id=row.account_id,
            name=row.name,
            hint=row.hint,
            scopes=(login.scope or "").split(),
            device_id=row.device_id,
            created_at=login.created_at,
            expires_at=login.expires_at,
            last_used_at=row.last_used_at,
            last_used_address=row.last_used_address,
        )


class CreatedApiKey(BaseModel):
    """A new key; the only time that `key` is shown."""

    id: int
    name: str
    key: str
    hint: str
    scopes: list[str]
    device_id: str | None
    created_at: datetime
    expires_at: datetime


class ApiKeyList(BaseModel):
    """One page."""

    keys: list[ApiKeyBody]
    next_cursor: str | None


class KeyToExchange(BaseModel):
    """What a gateway was sent, and from where."""

    key: SecretStr
    address: Annotated[str, StringConstraints(max_length=64, pattern=r"^[!-~]+$")]


class ExchangedKey(BaseModel):
    """A token that acts for a key."""

    access_token: str
    expires_in: int
    """Seconds."""
