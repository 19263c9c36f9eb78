"""The address of the collection's CoAP server on this machine, by the settings of core-collection-service."""

import errno
import socket
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lightbox_shared.config import Settings
from lightbox_shared.process.ports import COAP_PORT, coap_port

LOCALHOST: Final = "localhost"
_ANY: Final = frozenset({LOCALHOST, "::", "0.0.0.0"})  # noqa: S104 - compared with, not bound to


class CoapSettings(Settings):
    """The settings for CoAP of core-collection-service, with the same defaults. The service itself is not imported."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    collection_access: Literal["open", "keys"] | None = None
    coap: bool | None = None
    coap_host: str = LOCALHOST
    coap_port: Annotated[int, Field(ge=1, le=65_535)] | None = None

    @property
    def serves_coap(self) -> bool:
        """Whether the service answers CoAP."""
        if self.coap is not None:
            return self.coap
        return not self.in_production and self.collection_access != "keys"

    @property
    def coap_udp_port(self) -> int:
        """The UDP port of the CoAP server."""
        return self.coap_port or coap_port(self.port)

    @property
    def coap_url(self) -> str:
        """The URL of the CoAP server for clients on this machine."""
        host = "127.0.0.1" if self.coap_host in _ANY else self.coap_host
        host = f"[{host}]" if ":" in host else host
        return f"coap://{host}" if self.coap_udp_port == COAP_PORT else f"coap://{host}:{self.coap_udp_port}"


def udp_port_is_free(host: str, port: int) -> bool:
    """Whether a UDP port of `host`, a name or an address, is free. An address of another machine counts as free.

    SO_REUSEPORT is not set, since with it two servers could share the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return True  # the service reports what is wrong with the name
    for family, kind, protocol, _name, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
    return True
