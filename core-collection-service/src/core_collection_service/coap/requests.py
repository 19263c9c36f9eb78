"""A CoAP request, read: path, query, formats and who sent it. What can't be served for its options is refused here."""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from aiocoap import Message
from aiocoap.interfaces import EndpointAddress
from aiocoap.numbers.optionnumbers import OptionNumber
from starlette.datastructures import QueryParams

from core_collection_service.access import Caller
from core_collection_service.coap.errors import BadOption, NoProxy
from core_collection_service.pictures.errors import NotAcceptable

_KNOWN: Final = frozenset(
    {
        OptionNumber.URI_HOST,
        OptionNumber.URI_PORT,
        OptionNumber.URI_PATH,
        OptionNumber.URI_QUERY,
        OptionNumber.ACCEPT,
        OptionNumber.BLOCK1,
        OptionNumber.BLOCK2,
    }
)
"""The critical options that are understood; others are elective, or refused."""
_PER_BLOCK: Final = (OptionNumber.BLOCK1, OptionNumber.BLOCK2, OptionNumber.OBSERVE)
_RESERVED_SIZE: Final = 7
_SHOWN: Final = 200
_NETWORK_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    message: Message
    path: tuple[str, ...]
    caller: Caller
    query_params: QueryParams

    @classmethod
    def of(cls, message: Message, caller: Caller) -> "Asked":
        """Raises `BadOption` and `NoProxy`."""
        check_options(message)
        pairs = [option.partition("=") for option in message.opt.uri_query]
        return cls(message, path_of(message), caller, QueryParams([(name, value) for name, _, value in pairs]))

    @property
    def accept(self) -> int | None:
        """The Content-Format that is asked for."""
        return None if self.message.opt.accept is None else int(self.message.opt.accept)

    @property
    def content_format(self) -> int | None:
        """That of the body."""
        return None if self.message.opt.content_format is None else int(self.message.opt.content_format)

    @property
    def wants_block(self) -> bool:
        """Whether the client names a block of the answer."""
        return self.message.opt.block2 is not None

    @property
    def name(self) -> Hashable:
        """The same for all blocks of one transfer, and for no others at the same time."""
        return name_of(self.message)

    def chosen(self, *offered: int) -> int:
        """The one of these Content-Formats that is asked for, the first if none is. Raises `NotAcceptable`."""
        if self.accept is None:
            return offered[0]
        if self.accept not in offered:
            raise NotAcceptable([f"Content-Format {each}" for each in offered])
        return self.accept


def path_of(message: Message) -> tuple[str, ...]:
    """The segments; a slash at the end changes nothing, as over HTTP."""
    path: tuple[str, ...] = message.opt.uri_path
    return path[:-1] if path and not path[-1] else path


def shown_path_of(message: Message) -> str:
    """For the log: its beginning, and nothing that a terminal would take for more than text."""
    shown = "/" + "/".join(path_of(message))
    return "".join(each if each.isprintable() else "?" for each in shown[:_SHOWN])


def name_of(message: Message) -> Hashable:
    """By which the blocks of one transfer belong together: the endpoint (and its OSCORE context), and all options that
    are not a block's own, Request-Tag among them."""
    return message.remote.blockwise_key, message.get_cache_key(_PER_BLOCK)


def method_of(message: Message) -> str:
    """As HTTP writes it."""
    return str(message.code)


def check_options(message: Message) -> None:
    """Raises `BadOption` and `NoProxy`."""
    if message.opt.proxy_uri is not None or message.opt.proxy_scheme is not None:
        raise NoProxy
    for option in message.opt.option_list():
        if option.number.is_critical() and option.number not in _KNOWN:
            raise BadOption(f"The option {int(option.number)} is critical and not supported here.")
    for block in (message.opt.block1, message.opt.block2):
        if block is not None and block.size_exponent == _RESERVED_SIZE:
            raise BadOption("The block size exponent 7 is reserved (RFC 7959 section 2.2).")


def address_of(message: Message) -> EndpointAddress:
    """The UDP endpoint that a message came from, below OSCORE if there is any."""
    return getattr(message.remote, "underlying_address", message.remote)


def host_of(message: Message) -> str | bytes:
    """Who sent it, as far as one can have many addresses: an IPv4 address, the /64 of an IPv6 one, or a link-local
    address, whose network is everybody's."""
    host: str = address_of(message).sockaddr[0]
    address = IPv6Address(host)
    return host if address.ipv4_mapped is not None or address.is_link_local else address.packed[:_NETWORK_BYTES]
