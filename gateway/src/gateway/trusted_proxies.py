"""Finds the client of a request: the peer of the connection or, if that is a trusted proxy, the client it names."""

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from starlette.types import Scope

from gateway.config import Network


class Client(NamedTuple):
    """The address of a client, and the scheme and host of the URL that it has requested."""

    address: str
    scheme: str
    host: str


class TrustedProxies:
    """Reads `X-Forwarded-For`, `-Proto` and `-Host` in requests from trusted networks, and ignores them in others."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted
        self._is_trusted = lru_cache(maxsize=4096)(self._is_in_trusted_network)

    def client(self, scope: Scope, own: dict[bytes, bytes]) -> Client:
        """Return the client of a request. `own` are the headers in `RequestHeaders.own`.

        Behind trusted proxies, its address is the right-most one of `X-Forwarded-For` that is not a trusted proxy's.
        """
        peer = scope["client"][0] if scope.get("client") else "unknown"
        scheme: str = scope["scheme"]
        host = own[b"host"].decode()
        if not self._trusted or not self._is_trusted(peer):
            return Client(peer, scheme, host)
        address = peer
        for entry in reversed(own.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            candidate = _address(entry.strip())
            if candidate is None:
                break
            address = candidate
            if not self._is_trusted(address):
                break
        forwarded_scheme = own.get(b"x-forwarded-proto", b"").lower()
        if forwarded_scheme in {b"http", b"https"}:
            scheme = forwarded_scheme.decode()
        return Client(address, scheme, own.get(b"x-forwarded-host", own[b"host"]).decode("latin-1"))

    def _is_in_trusted_network(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _address(entry: str) -> str | None:
    """The address in `192.0.2.7`, `192.0.2.7:4711` or `[2001:db8::7]:4711`. None for other texts."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ip_address(entry))
    except ValueError:
        return None
