"""The settings of the gateway. Each is an environment variable `LIGHTBOX_<NAME>`."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

from limits import RateLimitItem, parse
from pydantic import BeforeValidator, Field, SecretStr, create_model, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from lightbox_shared import installation
from lightbox_shared.config import CommaSeparated, Settings, split_commas

SERVICES: Final = tuple(service for service in installation.SERVICES if service.name != installation.GATEWAY)
ANY_ORIGIN: Final = "*"
OFF: Final = "off"

Network = IPv4Network | IPv6Network


def _networks(value: object) -> object:
    parts = split_commas(value)
    return tuple(ip_network(part, strict=False) for part in parts) if isinstance(parts, tuple) else value


def _rate(value: object) -> object:
    if isinstance(value, str):
        return None if value.strip().lower() in {"", OFF} else parse(value)
    return value


def _no_path_if_empty(value: object) -> object:
    return None if value == "" else value


Rate = Annotated[RateLimitItem | None, BeforeValidator(_rate), NoDecode]
"""Requests in a time, such as `20/minute` or `100 per 5 minutes`. `off` is no limit."""


if TYPE_CHECKING:
    ServiceAddresses = Settings
else:
    ServiceAddresses = create_model(
        "ServiceAddresses",
        __base__=Settings,
        **{f"{service.package}_url": (str, "") for service in SERVICES if service.name != installation.AUTH_SERVICE},
    )
    """The URL of each service, `<package>_url`, by default on this machine. `Settings` has that of auth-service."""


class GatewaySettings(ServiceAddresses):
    """The settings of the gateway.

    The rate limits keep a client from overloading the machine; auth-service has further limits against guessing of
    passwords. They count by account if the request is authenticated, and otherwise by address (IPv6: by /64). All
    clients behind one public address share the limits of unauthenticated requests: raise `LIGHTBOX_RATE_SIGN_IN` and
    `LIGHTBOX_RATE_OPEN` there.
    """

    model_config = SettingsConfigDict(arbitrary_types_allowed=True)  # `RateLimitItem`

    services: CommaSeparated = tuple(service.name for service in SERVICES)
    """The services of this installation. Paths of other services are answered 503."""

    console_dir: Annotated[Path | None, BeforeValidator(_no_path_if_empty)] = None
    """The folder in which the console is built. Without it there is no console."""
    header_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How long a client may take for the head of a request, and how long a connection may be idle."""
    body_seconds: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """In each span of so many seconds 320 KiB of a request's body have to arrive, of a body that announces at most 1
    MiB 20 KiB, or its end."""
    bodies_per_address: Annotated[int, Field(ge=1)] = 200
    """How many bodies of requests of one address may be arriving at the same time."""
    revocation_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """The pause between two requests for revoked sessions."""
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks), NoDecode] = ()
    """Networks of proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are trusted, in CIDR notation."""
    allowed_origins: CommaSeparated | None = None
    """Origins whose web pages may send requests (CORS), or `*`. By default all in development, none in production."""
    metrics_token: SecretStr = SecretStr("")
    """The bearer token with which Prometheus reads `/metrics`. If it is empty, only administrators can read it."""

    rate_limit_url: str = ""
    """The `valkey://` or `redis://` server at which several gateways count together. By default each counts alone."""
    rate_sign_in: Rate = parse("60/minute")
    rate_open: Rate = parse("30/minute")
    rate_upload: Rate = parse("6000/minute")
    rate_read: Rate = None
    rate_failed_credentials: Rate = parse("100/minute")
    """Of tokens, of API keys and of the secrets of OAuth clients: so many of each, sent from one address, may turn out
    to be wrong. Those that the gateway knows are used all the same."""

    @field_validator("services", "allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @model_validator(mode="after")
    def _known_services(self) -> Self:
        known = [service.name for service in SERVICES]
        unknown = set(self.services) - set(known)
        if unknown:
            raise ValueError(f"LIGHTBOX_SERVICES names {sorted(unknown)}; there are {known}")
        return self

    @property
    def origins(self) -> frozenset[str]:
        """The origins that CORS allows. `ANY_ORIGIN` stands for all."""
        if self.allowed_origins is not None:
            return frozenset(self.allowed_origins)
        return frozenset() if self.in_production else frozenset({ANY_ORIGIN})

    @property
    def addresses(self) -> dict[str, str]:
        """The URL of each installed service, without a slash at the end."""
        named = {service.name: getattr(self, f"{service.package}_url") for service in SERVICES}
        return {name: (named[name] or self.local_url(name)).rstrip("/") for name in self.services}

    def open_to_strangers(self) -> tuple[str, ...]:
        """The pages of all web sites."""
        if ANY_ORIGIN not in self.origins:
            return ()
        return ("The pages of every web site may call the API (LIGHTBOX_ALLOWED_ORIGINS).",)
