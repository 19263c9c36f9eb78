"""The gateway's own settings. Each is an environment variable `LIGHTBOX_<NAME>`, like those of the kit."""

from ipaddress import IPv4Network, IPv6Network, ip_network
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


Rate = Annotated[RateLimitItem | None, BeforeValidator(_rate), NoDecode]
"""Requests per time, as `20/minute` or `100 per 5 minutes`; `off` for no limit."""


if TYPE_CHECKING:
    ServiceAddresses = Settings
else:
    ServiceAddresses = create_model(
        "ServiceAddresses",
        __base__=Settings,
        **{f"{service.package}_url": (str, "") for service in SERVICES if service.name != installation.AUTH_SERVICE},
    )
    """Where each service listens, `<package>_url`; by default on this machine. auth-service's is known to them all."""


class GatewaySettings(ServiceAddresses):
    """What the gateway needs to know.

    The limits keep strangers from using the machine up; against guessing auth-service has its own. They count per
    account where a token was verified, else per address (IPv6: per /64), so a laboratory behind one public address
    shares the two limits of strangers: raise `LIGHTBOX_RATE_SIGN_IN` and `LIGHTBOX_RATE_OPEN` there.
    """

    model_config = SettingsConfigDict(arbitrary_types_allowed=True)  # `RateLimitItem`

    services: CommaSeparated = tuple(service.name for service in SERVICES)
    """The services that this installation has; paths of the others answer 503."""

    header_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """How long a client may take for the head of a request, and how long a connection may wait for its next one."""
    revocation_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks), NoDecode] = ()
    """Networks of proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed, as CIDRs."""
    allowed_origins: CommaSeparated | None = None
    """Origins of web pages that may call us (CORS); `*` for any. By default any in development, none in production."""
    metrics_token: SecretStr = SecretStr("")
    """What a Prometheus sends as a bearer token to read `/metrics`; without it only administrators can."""

    rate_limit_url: str = ""
    """`valkey://` or `redis://` where several gateways count together; by default each counts for itself."""
    rate_sign_in: Rate = parse("60/minute")
    rate_open: Rate = parse("30/minute")
    rate_upload: Rate = parse("6000/minute")
    rate_read: Rate = None

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
        """The origins that CORS allows; `ANY_ORIGIN` in it means every one."""
        if self.allowed_origins is not None:
            return frozenset(self.allowed_origins)
        return frozenset() if self.in_production else frozenset({ANY_ORIGIN})

    @property
    def addresses(self) -> dict[str, str]:
        """Installed service -> `http://host:port`, without a slash at the end."""
        named = {service.name: getattr(self, f"{service.package}_url") for service in SERVICES}
        return {name: (named[name] or self.local_url(name)).rstrip("/") for name in self.services}
