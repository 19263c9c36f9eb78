"""The services of Lightbox: the one list that ports, gateway, runner, compose's databases, Makefile and tests read.

Only the standard library: it is also read before there is an environment to import anything else from. As a program it
prints the folders of the services, for the Makefile.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class InstalledService:
    """One service; its folder has its name, and its package is named like it with underscores."""

    name: str
    port_offset: int
    """The port is the gateway's port plus this."""
    has_database: bool = True

    @property
    def package(self) -> str:
        """The Python package: `auth-service` -> `auth_service`."""
        return self.name.replace("-", "_")

    @property
    def short_name(self) -> str:
        """The name of its database and the start of its variables in `.env`: `core-collection-service` ->
        `core_collection`."""
        return self.name.removesuffix("-service").replace("-", "_")

    @property
    def database(self) -> str:
        """The name of its database, and of the role that owns it: `lightbox_auth`."""
        return f"lightbox_{self.short_name}"


GATEWAY: Final = "gateway"
AUTH_SERVICE: Final = "auth-service"

SERVICES: Final = (
    InstalledService(GATEWAY, 0, has_database=False),
    InstalledService(AUTH_SERVICE, 1),
    InstalledService("inference-service", 2),
    InstalledService("core-collection-service", 5),
)
"""In the order in which people think of them. The gateway comes first: it is also stopped first."""

SERVICE_NAMES: Final = tuple(service.name for service in SERVICES)


def service_named(name: str) -> InstalledService:
    """The service of that name. Raises `KeyError`."""
    for service in SERVICES:
        if service.name == name:
            return service
    raise KeyError(name)


if __name__ == "__main__":
    print(*SERVICE_NAMES)  # noqa: T201 - the Makefile reads it
