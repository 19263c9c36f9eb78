"""Addresses of clients: as the gateway saw them, and as rate limits count them."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

LONGEST_ADDRESS = 64


@lru_cache(maxsize=4096)
def partition(address: str) -> str:
    """The key under which a client is counted: its IPv4 address, or the /64 network of an IPv6 address, all of which
    belongs to one subscriber. A link-local address is counted by itself, since all of them are of one network. A text
    that is not an address is returned unchanged."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.is_link_local:
            return str(parsed)
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return address


def client_address(request: HTTPConnection) -> str:
    """The client's address, as the gateway saw it. The gateway replaces what a client sends in `X-Forwarded-For` by the
    one address that it believes."""
    forwarded = request.headers.get("x-forwarded-for")
    peer = request.client.host if request.client else "unknown"
    return forwarded.strip()[:LONGEST_ADDRESS] if forwarded else peer
