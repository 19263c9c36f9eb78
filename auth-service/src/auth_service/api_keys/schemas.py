"""The bodies of requests and responses about API keys."""

import unicodedata
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, Strict, StringConstraints

from auth_service.api_keys.repository import StoredKey
from auth_service.names import PrintableName
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors.sentences import Sentence

MAX_DEVICE_LENGTH: Final = 255
DEFAULT_DAYS: Final = 365
MAX_DAYS: Final = 3650


def _device_id(text: str) -> str:
    # Control characters, and halves of surrogate pairs, which UTF-8 can't represent.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError(Sentence("control-characters", "Control characters and lone surrogates are not allowed."))
    return text


DeviceId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_DEVICE_LENGTH), AfterValidator(_device_id)]
"""As the device sends it: neither stripped nor normalised, since the collection compares it character by character."""


class NewApiKey(BaseModel):
    """An API key to be made."""

    model_config = ConfigDict(
        extra="forbid",  # a mistyped `expires_in_days` must not result in a key for a year
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {"name": "scanner", "scopes": ["predict"]},
                {"name": "camera", "scopes": ["collect"], "device_id": "camera-1", "expires_in_days": 30},
            ]
        },
    )

    name: PrintableName
    """By which people tell their keys apart."""
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    expires_in_days: Annotated[int, Strict(), Field(ge=1, le=MAX_DAYS)] = DEFAULT_DAYS
    device_id: DeviceId | None = None
    """The only device that the key may speak for. Needs the scope `collect`."""


class ApiKeyBody(BaseModel):
    """An API key, without the key itself."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    account_id: int
    name: str
    hint: str
    """The first characters of the key."""
    scopes: list[str]
    device_id: str | None
    """The only device that the key may speak for."""
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    """Precise to the minute."""
    last_used_address: str | None

    @classmethod
    def of(cls, stored: StoredKey) -> Self:
        """From rows."""
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
    """A new API key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    name: str
    key: str
    """The key itself, in this answer only."""
    hint: str
    """The first characters of the key."""
    scopes: list[str]
    device_id: str | None
    created_at: datetime
    expires_at: datetime


class ApiKeyList(BaseModel):
    """A page of API keys."""

    keys: list[ApiKeyBody]
    next_cursor: str | None


class KeyToExchange(BaseModel):
    """An API key that a gateway was sent, and the address that it came from."""

    key: SecretStr
    address: Annotated[str, StringConstraints(max_length=64, pattern=r"^[!-~]+$")]


class ExchangedKey(BaseModel):
    """A token that acts for an API key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    access_token: str
    expires_in: int
    """Seconds."""
