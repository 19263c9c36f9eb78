"""Who is at the other end: the peer of the connection or, behind proxies that we trust, the client that they name."""

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from starlette.types import Scope

from gateway.config import Network


class Client(NamedTuple):
    """Where a request comes from and what the client believes to talk to."""

    address: str
    scheme: str
    host: str


class TrustedProxies:
    """Decides whose `X-Forwarded-...` is believed: that of the networks given, and nobody else's."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted
        self._is_trusted = lru_cache(maxsize=4096)(self._look_up)

    def client(self, scope: Scope, own: dict[bytes, bytes]) -> Client:
        """The client's address is the right-most entry that none of our proxies has written."""
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
        told = own.get(b"x-forwarded-proto", b"").lower()
        if told in {b"http", b"https"}:
            scheme = told.decode()
        return Client(address, scheme, own.get(b"x-forwarded-host", own[b"host"]).decode("latin-1"))

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


def _address(entry: str) -> str | None:
    """`192.0.2.7`, `192.0.2.7:4711`, `[2001:db8::7]:4711` as an address; None for anything else."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        return str(ip_address(entry))
    except ValueError:
        return None
