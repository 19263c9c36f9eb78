"""Where each service listens: the gateway's port plus an offset, so that one setting moves them all."""

from typing import Final

from lightbox_shared.installation import service_named

COAP_PORT: Final = 5683
"""RFC 7252 section 12.6."""
_GATEWAY_PORT: Final = 8000


def coap_port(gateway_port: int) -> int:
    """The UDP port of CoAP: 5683, moved as far as the gateway is moved from 8000. It stays 5683 where that would lead
    to a port below 1024 or above 65535."""
    moved = COAP_PORT + gateway_port - _GATEWAY_PORT
    return moved if 1024 <= moved <= 65_535 else COAP_PORT


def port_of(service: str, gateway_port: int) -> int:
    """The port of a service. Raises `KeyError` for a service that is not in `installation.SERVICES`."""
    return gateway_port + service_named(service).port_offset
