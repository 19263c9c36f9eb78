"""The settings of auth-service, beside those that every service has."""

import re
from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from lightbox_shared.config import MIN_SECRET_LENGTH, Settings

_SERVICE_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")


def parse_service_secrets(text: str) -> dict[str, str]:
    """Read `gateway:secret,inference-service:secret`; a secret may contain colons, but no comma.

    Raises `ValueError` without showing any secret.
    """
    secrets: dict[str, str] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        name, _, secret = entry.partition(":")
        if not _SERVICE_NAME.fullmatch(name) or not secret or name in secrets:
            raise ValueError(f"Entry {number} is not `name:secret` with a name of its own.")
        secrets[name] = secret
    return secrets


class AuthSettings(Settings):
    """What auth-service needs to know. Raises `pydantic.ValidationError` naming the variable, not its value."""

    # Defaults are validated too: no secret key and no database are defaults that nobody can work with.
    model_config = SettingsConfigDict(env_ignore_empty=True, validate_default=True)

    admin_username: str = "admin"
    """The name of the administrator that the first start makes."""
    admin_password: SecretStr | None = None
    """The administrator's password; by default one is generated and written to `<data_dir>/admin-password`."""
    password_min_length: Annotated[int, Field(ge=1, le=128)] | None = None
    """The shortest password that a new account may have; see `shortest_password`."""
    service_secrets: SecretStr = SecretStr("")
    """Which services get service tokens, and for which secret: `name:secret,name:secret`."""

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

    @property
    def shortest_password(self) -> int:
        """Characters; unless it is set 1 in development, since published clients send what they like, and 8 in
        production."""
        return self.password_min_length or (8 if self.in_production else 1)
