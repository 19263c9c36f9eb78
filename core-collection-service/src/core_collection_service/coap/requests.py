"""A CoAP request: its path, query and formats, and where it comes from. Requests whose options are not supported are
refused here."""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from aiocoap import Message
from aiocoap.interfaces import EndpointAddress
from aiocoap.numbers.optionnumbers import OptionNumber
from starlette.datastructures import QueryParams

from core_collection_service.access import Caller
from core_collection_service.coap.options import check_options
from core_collection_service.errors import NotAcceptable
from core_collection_service.pictures.lists.representations import LIST_TYPES, SENML_TYPES
from core_collection_service.protocol.media_types import CBOR, CONTENT_FORMATS, MEDIA_TYPES

_PER_BLOCK: Final = (OptionNumber.BLOCK1, OptionNumber.BLOCK2, OptionNumber.OBSERVE)
_LOGGED_CHARACTERS: Final = 200
_NETWORK_BYTES: Final = 8
_LIST_TYPES: Final = (CBOR, *(each for each in LIST_TYPES if each != CBOR))
"""The media types of lists; over CoAP, CBOR is the default."""


@dataclass(frozen=True, slots=True)
class CoapRequest:
    """One request. Formats are media types here; `Content-Format 65535` stands for a number without one."""

    message: Message
    path: tuple[str, ...]
    caller: Caller
    query_params: QueryParams

    @classmethod
    def of(cls, message: Message, caller: Caller) -> "CoapRequest":
        """From a message. Raises what `check_options` raises."""
        check_options(message)
        pairs = [option.partition("=") for option in message.opt.uri_query]
        return cls(message, path_of(message), caller, QueryParams([(name, value) for name, _, value in pairs]))

    @property
    def accept(self) -> str | None:
        """The format that is asked for; None for no preference. CoAP's Accept names one."""
        return _media_type(self.message.opt.accept)

    @property
    def content_type(self) -> str | None:
        """The format of the body."""
        return _media_type(self.message.opt.content_format)

    @property
    def wants_block(self) -> bool:
        """Whether the client names a block of the answer."""
        return self.message.opt.block2 is not None

    @property
    def transfer(self) -> Hashable:
        """The same for all blocks of one transfer, and for no others at the same time."""
        return transfer_of(self.message)

    def negotiate(self, *offered: str) -> str:
        """The one of these media types that is asked for, the first if none is. Raises `NotAcceptable`."""
        if self.accept is None:
            return offered[0]
        if self.accept not in offered:
            raise NotAcceptable.offering(f"Content-Format {CONTENT_FORMATS[each]}" for each in offered)
        return self.accept

    def prefers_senml(self) -> bool:
        """Whether SenML is asked for."""
        return self.accept in SENML_TYPES

    def list_type(self) -> str:
        """The media type for a list. Raises `NotAcceptable`."""
        return self.negotiate(*_LIST_TYPES)


def path_of(message: Message) -> tuple[str, ...]:
    """The segments; a slash at the end changes nothing, as over HTTP."""
    path: tuple[str, ...] = message.opt.uri_path
    return path[:-1] if path and not path[-1] else path


def logged_path_of(message: Message) -> str:
    """The beginning of the path without unprintable characters, which a terminal could interpret."""
    path = "/" + "/".join(path_of(message))
    return "".join(each if each.isprintable() else "?" for each in path[:_LOGGED_CHARACTERS])


def transfer_of(message: Message) -> Hashable:
    """What the blocks of one transfer have in common: the endpoint (and its OSCORE context), and all options that are
    not those of a block, Request-Tag among them."""
    return message.remote.blockwise_key, message.get_cache_key(_PER_BLOCK)


def method_of(message: Message) -> str:
    """The method as HTTP writes it."""
    return str(message.code)


def address_of(message: Message) -> EndpointAddress:
    """The UDP endpoint that a message came from, below OSCORE if there is any."""
    return getattr(message.remote, "underlying_address", message.remote)


def ip_address_of(message: Message) -> str:
    """The IP address that a message came from, an IPv4 address as a mapped one."""
    address: str = address_of(message).sockaddr[0]
    return address


def host_of(message: Message) -> str | bytes:
    """What counts as one client, which may have many addresses: an IPv4 address, the /64 of an IPv6 address, or a
    link-local address, whose network all share."""
    host: str = address_of(message).sockaddr[0]
    address = IPv6Address(host)
    return host if address.ipv4_mapped is not None or address.is_link_local else address.packed[:_NETWORK_BYTES]


def _media_type(content_format: int | None) -> str | None:
    if content_format is None:
        return None
    return MEDIA_TYPES.get(int(content_format), f"Content-Format {int(content_format)}")
