"""The relying party (WebAuthn section 4): the name of the host that passkeys belong to, and the origin of its pages."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from auth_service.passkeys.errors import NoPasskeysHere

NAME: Final = "Lightbox"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What an answer of an authenticator has to be for."""

    id: str
    """The host's name."""
    origin: str


def relying_party(base: str) -> RelyingParty:
    """The relying party at the beginning of our URLs. Raises `NoPasskeysHere` for an IP address."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
        return RelyingParty(host, f"{parts.scheme}://{host}{port}")
    raise NoPasskeysHere
