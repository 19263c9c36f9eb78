"""The list of the services of Lightbox, for ports, gateway, runner, compose's databases, Makefile and tests.

It imports only the standard library, since it is read before the virtual environment exists. Run as a program it prints
the folders of the services, for the Makefile.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class InstalledService:
    """A service. Its name is also that of its folder."""

    name: str
    port_offset: int
    """Added to the port of the gateway it is the port of the service."""
    has_database: bool = True

    @property
    def package(self) -> str:
        """The name of the Python package, such as `auth_service`."""
        return self.name.replace("-", "_")

    @property
    def short_name(self) -> str:
        """The name without `-service`, such as `core_collection`; the variables in `.env` begin with it."""
        return self.name.removesuffix("-service").replace("-", "_")

    @property
    def database(self) -> str:
        """The name of the database and of the role that owns it, such as `lightbox_auth`."""
        return f"lightbox_{self.short_name}"


GATEWAY: Final = "gateway"
AUTH_SERVICE: Final = "auth-service"

SERVICES: Final = (
    InstalledService(GATEWAY, 0, has_database=False),
    InstalledService(AUTH_SERVICE, 1),
    InstalledService("inference-service", 2),
    InstalledService("imagehub-service", 3),
    InstalledService("annotation-service", 4),
    InstalledService("core-collection-service", 5),
)
"""All services. The gateway comes first, since it must be stopped first."""

SERVICE_NAMES: Final = tuple(service.name for service in SERVICES)


def service_named(name: str) -> InstalledService:
    """The service with this name. Raises `KeyError`."""
    for service in SERVICES:
        if service.name == name:
            return service
    raise KeyError(name)


if __name__ == "__main__":
    print(*SERVICE_NAMES)  # noqa: T201 - the Makefile reads it
