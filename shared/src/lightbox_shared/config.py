"""The settings that all services have. Each is an environment variable `LIGHTBOX_<NAME>`; docs/settings.md lists them.

A service adds its own by subclassing `Settings`. Secrets are `SecretStr`, so that neither a log line nor a
traceback can show them.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lightbox_shared.process.ports import port_of
from lightbox_shared.requests.file_sizes import MB, FileSizes

MIN_SECRET_LENGTH = 32

_ISSUER = re.compile(r"https?://[A-Za-z0-9._~:/\[\]%-]+")

CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Environment(StrEnum):
    """Where the platform runs. It sets defaults: in development they are permissive, in production restrictive."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(BaseSettings):
    """Settings from the environment. Raises `pydantic.ValidationError` naming the variables that are not valid."""

    model_config = SettingsConfigDict(
        env_prefix="LIGHTBOX_",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # many of them are secrets
    )

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_000)] = 8000
    published_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port of this machine at which the gateway answers, where that is another one than in its container."""
    data_dir: Path = Path("var")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    public_url: str | None = None
    """The URL by which browsers reach the gateway, for absolute links; by default that of the request."""

    session_cookie: str = "lightbox_session"
    """The name of the session cookie, which auth-service sets and the gateway replaces by a bearer token."""
    issuer: str = ""
    """The `iss` of tokens and the `issuer` of RFC 8414; by default `public_url`, else the gateway's address on this
    machine. It must be the same for all services."""
    auth_service_url: str = ""
    client_secret: SecretStr = SecretStr("")
    """The password of this service at auth-service, for which it gets its own access tokens."""
    secret_key: SecretStr = SecretStr("")
    """A secret that only this service knows, for what it signs or encrypts; at least 32 characters."""

    database_url: Annotated[
        str, Field(validation_alias=AliasChoices("LIGHTBOX_DATABASE_URL", "DATABASE_URL", "database_url"))
    ] = ""
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10

    blob_store_url: str | None = None
    """An object store (`s3://`, `gs://`, `az://`, `file://`) for blobs above `blob_row_limit`."""
    blob_row_limit: int = 32 * 1024 * 1024
    disk_reserve_bytes: Annotated[int, Field(ge=0)] | None = None
    """What uploads leave free on every disk that the service can see; 0 for nothing."""
    database_folder: Path | None = None
    """A folder on the file system of the database, where this process can see it."""

    max_picture_bytes: Annotated[int, Field(ge=1024, le=1024 * MB)] = 20 * MB
    """The largest picture file that is no DICOM. The gateway takes bodies of this size too: the same for all."""
    max_dicom_bytes: Annotated[int, Field(ge=1024, le=1024 * MB)] = 64 * MB
    """The largest DICOM file; likewise."""
    max_picture_pixels: int = 50_000_000
    decoding_bytes: Annotated[int, Field(ge=64 * MB)] = 1024 * MB
    """The memory of all pictures that are decoded at once. One that takes more by itself is decoded alone."""
    max_upload_memory: Annotated[int, Field(ge=64 * MB)] = 256 * MB
    """Bytes of uploads that are in memory at once. What comes above it is refused."""

    @model_validator(mode="after")
    def _services_follow_the_gateway(self) -> Self:
        if not self.auth_service_url:
            object.__setattr__(self, "auth_service_url", self.local_url("auth-service"))
        if not self.issuer:
            here = f"http://127.0.0.1:{self.published_port}" if self.published_port else self.local_url("gateway")
            object.__setattr__(self, "issuer", (self.public_url or here).rstrip("/"))
        if not _ISSUER.fullmatch(self.issuer):
            raise ValueError("LIGHTBOX_ISSUER, or else LIGHTBOX_PUBLIC_URL, must be an http(s) URL without a query.")
        return self

    def local_url(self, service: str) -> str:
        """The URL of a service when all of them run on this machine."""
        return f"http://127.0.0.1:{port_of(service, self.port)}"

    def open_to_strangers(self) -> tuple[str, ...]:
        """What anybody may do who reaches the platform, as far as these settings decide it: a sentence for each, with
        the setting that changes it. Services add their own."""
        return ()

    def own_secret(self) -> str:
        """The value of `secret_key`. Raises `ValueError` if it is missing or too short."""
        secret = self.secret_key.get_secret_value()
        if len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"LIGHTBOX_SECRET_KEY must have at least {MIN_SECRET_LENGTH} characters")
        return secret

    @property
    def file_sizes(self) -> FileSizes:
        """The largest files that are accepted."""
        return FileSizes(self.max_picture_bytes, self.max_dicom_bytes)

    @property
    def in_production(self) -> bool:
        """Whether the environment is production."""
        return self.environment is Environment.PRODUCTION


def renamed(name: str, old_name: str) -> AliasChoices:
    """The `validation_alias` of a setting whose name in older versions, `old_name`, is still read."""
    return AliasChoices(f"LIGHTBOX_{name.upper()}", f"LIGHTBOX_{old_name.upper()}", name)


def split_commas(value: object) -> object:
    """Read `a, b` as `("a", "b")`, and return other values unchanged; for `field_validator(..., mode="before")`."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
