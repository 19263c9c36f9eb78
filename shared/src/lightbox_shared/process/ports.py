"""The ports of the services: that of the gateway plus an offset, so that one setting moves all of them."""

from typing import Final

from lightbox_shared.installation import service_named

COAP_PORT: Final = 5683
"""The UDP port that is registered for CoAP (RFC 7252 section 12.6)."""
_GATEWAY_PORT: Final = 8000


def coap_port(gateway_port: int) -> int:
    """The UDP port of CoAP: 5683 plus the difference of the gateway's port from 8000.

    5683 if the sum is below 1024 or above 65535.
    """
    moved = COAP_PORT + gateway_port - _GATEWAY_PORT
    return moved if 1024 <= moved <= 65_535 else COAP_PORT


def port_of(service: str, gateway_port: int) -> int:
    """The TCP port of a service. Raises `KeyError` for one that is not in `installation.SERVICES`."""
    return gateway_port + service_named(service).port_offset
