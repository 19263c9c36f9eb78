"""Where each service listens: the gateway's port plus an offset, so that one setting moves them all."""

from typing import Final

OFFSETS: Final = {
    "gateway": 0,
    "auth-service": 1,
    "inference-service": 2,
    "imagehub-service": 3,
    "annotation-service": 4,
    "core-collection-service": 5,
}


COAP_PORT: Final = 5683
"""RFC 7252 section 12.6."""
_GATEWAY_PORT: Final = 8000


def coap_port(gateway_port: int) -> int:
    """The UDP port of CoAP: 5683, moved as far as the gateway is moved from its own; 5683 where that leads nowhere."""
    moved = COAP_PORT + gateway_port - _GATEWAY_PORT
    return moved if 1024 <= moved <= 65_535 else COAP_PORT


def port_of(service: str, gateway_port: int) -> int:
    """The port of a service."""
    return gateway_port + OFFSETS[service]
