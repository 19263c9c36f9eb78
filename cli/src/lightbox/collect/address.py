"""The address of a collection, as it is typed on the command line."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lightbox.collect.errors import CollectError

DEFAULT_PATH: Final = "/collections/images"
SCHEMES: Final = ("http", "https", "coap")


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of a collection: the server, and the path of the collection on it."""

    scheme: str
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a URL; without a path it is that of `/collections/images`. Raises `CollectError` if it can't be used."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise CollectError(f"{url} is no URL: {error}.") from None
        if parts.scheme not in SCHEMES or not host:
            raise CollectError("The URL begins with http://, https:// or coap:// and names a host.")
        if parts.username is not None or parts.password is not None:
            raise CollectError("Credentials do not belong into a URL: use --key-file or LIGHTBOX_API_KEY.")
        if parts.query or parts.fragment:
            raise CollectError("The URL is that of a collection, without a query.")
        _check_host(host, port)
        return cls(parts.scheme, parts.netloc, parts.path.rstrip("/") or DEFAULT_PATH)

    @property
    def is_coap(self) -> bool:
        """Whether the scheme is `coap`, as opposed to `http` and `https`."""
        return self.scheme == "coap"

    @property
    def server(self) -> str:
        """The URL of the server, without a path."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.server + self.path


def _check_host(host: str, port: int | None) -> None:
    """Raises `CollectError` for a host and port that can't be those of one server."""
    if port == 0:
        raise CollectError("No server is at port 0.")
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            host.encode("idna")
        except UnicodeError:
            raise CollectError(f"{host} is no name of a host (RFC 1035 section 2.3.4).") from None
        return
    inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if (inner or ip).is_multicast:
        raise CollectError(f"{host} is the address of a group of hosts: name one of them.")
