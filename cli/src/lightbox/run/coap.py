"""Where the collection's CoAP server will listen on this machine. The settings are those of core-collection-service,
which this command starts and does not import."""

import errno
import socket
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from lightbox_shared.config import Settings
from lightbox_shared.ports import COAP_PORT, coap_port

LOCALHOST: Final = "localhost"
_ANY: Final = frozenset({LOCALHOST, "::", "0.0.0.0"})  # noqa: S104 - compared with, not bound to


class CoapSettings(Settings):
    """Whether there is CoAP, and where; by the same defaults as the service's."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    collection_access: Literal["open", "keys"] | None = None
    coap: bool | None = None
    coap_host: str = LOCALHOST
    coap_port: Annotated[int, Field(ge=1, le=65_535)] | None = None

    @property
    def serves_coap(self) -> bool:
        """Whether there is CoAP."""
        if self.coap is not None:
            return self.coap
        return not self.in_production and self.collection_access != "keys"

    @property
    def coap_udp_port(self) -> int:
        """Where it listens."""
        return self.coap_port or coap_port(self.port)

    @property
    def coap_url(self) -> str:
        """How somebody on this machine reaches it."""
        host = "127.0.0.1" if self.coap_host in _ANY else self.coap_host
        host = f"[{host}]" if ":" in host else host
        return f"coap://{host}" if self.coap_udp_port == COAP_PORT else f"coap://{host}:{self.coap_udp_port}"


def udp_port_is_free(host: str, port: int) -> bool:
    """Whether nobody listens at this address; without SO_REUSEPORT, with which two servers would share it. An address
    that this machine does not have is not in use."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return True  # the service says what is wrong with it
    for family, kind, protocol, _name, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
    return True
