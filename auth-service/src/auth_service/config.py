"""The settings of auth-service beside those of every service."""

import re
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from lightbox_shared.config import MIN_SECRET_LENGTH, CommaSeparated, Settings, renamed, split_commas

MOST_FAILED_LOGINS: Final = 100
"""The largest number of failed sign-ins that an account allows before it refuses others (NIST SP 800-63B section
5.2.2)."""
API_KEY_CLIENT: Final = "api-key"
"""The client of the sessions that API keys are. No OAuth client may have it: a change of the password ends the sessions
of all other clients."""

SAFE_PASSWORD_LENGTH: Final = 8
"""NIST SP 800-63B section 5.1.1.2."""
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_SERVICE_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")


def parse_service_secrets(text: str) -> dict[str, str]:
    """The secrets by service in a text such as `gateway:secret,inference-service:secret`. A secret may contain colons,
    but no comma. Raises `ValueError`, whose text contains no secret."""
    secrets: dict[str, str] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        name, _, secret = entry.partition(":")
        if not _SERVICE_NAME.fullmatch(name) or not secret or name in secrets:
            raise ValueError(f"Entry {number} is not `name:secret` with a name of its own.")
        secrets[name] = secret
    return secrets


def _or_off(value: object) -> object:
    return None if str(value).strip().lower() in {"0", "off"} else value


class AuthSettings(Settings):
    """The settings of auth-service. Raises `pydantic.ValidationError` with the name of a wrong setting, not its
    value."""

    # Defaults are validated too: an empty secret key and an empty database URL are defaults that do not work.
    model_config = SettingsConfigDict(env_ignore_empty=True, validate_default=True)

    admin_username: str = "admin"
    """The username of the administrator that the first start makes."""
    admin_password: SecretStr | None = None
    """The administrator's password; by default one is generated and written to `<data_dir>/admin-password`."""
    password_min_length: Annotated[int, Field(ge=1, le=128)] | None = None
    """The shortest password that a new account may have; see `shortest_password`."""
    failed_logins_per_account: Annotated[
        int,
        Field(
            ge=1, le=MOST_FAILED_LOGINS, validation_alias=renamed("failed_logins_per_account", "guesses_per_account")
        ),
    ] = 10
    """Failed sign-ins with an account, from addresses that it has not signed in from before, after which further ones
    are refused for a while."""
    failed_logins_per_address: Annotated[
        int | None,
        Field(ge=1, validation_alias=renamed("failed_logins_per_address", "guesses_per_address")),
        BeforeValidator(_or_off),
    ] = 50
    """Failed sign-ins from one address, with accounts that have not signed in from it before; None for no limit."""
    self_registration: bool | None = None
    """Whether accounts can be made without an administrator; they wait for approval. See
    `allows_self_registration`."""
    hide_accounts: bool = False
    """Whether TheYelda's and ImageHub's logins give the same answer for an unknown name and for a wrong password."""
    service_secrets: SecretStr = SecretStr("")
    """The services that get service tokens, and their secrets: `name:secret,name:secret`."""
    oauth_clients: CommaSeparated = ("lightbox",)
    """The `client_id`s of the public OAuth clients: applications of the platform itself, which may ask for
    passwords."""

    key_rotation_days: Annotated[int, Field(ge=0, le=3650)] = 90
    """The age at which the newest signing key gets a successor; 0 for by command only."""

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"LIGHTBOX_SECRET_KEY must have at least {MIN_SECRET_LENGTH} characters.")
        return value

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        if not value:
            raise ValueError("LIGHTBOX_DATABASE_URL (or DATABASE_URL) must name the PostgreSQL database.")
        return value

    @field_validator("service_secrets")
    @classmethod
    def _readable(cls, value: SecretStr) -> SecretStr:
        parse_service_secrets(value.get_secret_value())
        return value

    @field_validator("oauth_clients", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("oauth_clients")
    @classmethod
    def _client_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_CLIENT_ID.fullmatch(each) and each != API_KEY_CLIENT for each in value):
            raise ValueError(f"A client id has letters, digits and ._~- only, at most 64, and is not {API_KEY_CLIENT}.")
        return value

    @model_validator(mode="after")
    def _one_client_an_id(self) -> Self:
        if set(self.oauth_clients) & parse_service_secrets(self.service_secrets.get_secret_value()).keys():
            raise ValueError("LIGHTBOX_OAUTH_CLIENTS names a service; a client is either public or has a secret.")
        return self

    @property
    def allows_self_registration(self) -> bool:
        """Whether accounts can be made without an administrator; by default in development only."""
        return not self.in_production if self.self_registration is None else self.self_registration

    @property
    def shortest_password(self) -> int:
        """The smallest number of characters of a new password. By default 1 in development, since the published clients
        have no such limit, and 8 in production."""
        return self.password_min_length or (SAFE_PASSWORD_LENGTH if self.in_production else 1)

    def open_to_strangers(self) -> tuple[str, ...]:
        """Signing up, and short passwords."""
        found = []
        if self.allows_self_registration:
            found.append("Anybody may sign up (LIGHTBOX_SELF_REGISTRATION).")
        if self.shortest_password < SAFE_PASSWORD_LENGTH:
            found.append(
                f"Passwords may be shorter than {SAFE_PASSWORD_LENGTH} characters (LIGHTBOX_PASSWORD_MIN_LENGTH)."
            )
        return tuple(found)

    @property
    def key_rotation(self) -> timedelta | None:
        """The age at which the newest signing key gets a successor; None if keys rotate by command only."""
        return timedelta(days=self.key_rotation_days) if self.key_rotation_days else None
