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


def port_of(service: str, gateway_port: int) -> int:
    """The port of a service."""
    return gateway_port + OFFSETS[service]
