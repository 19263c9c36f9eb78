"""The UDP endpoint: aiocoap's message layer (RFC 7252) on sockets that are opened here.

aiocoap has a way to make a server, `Context.create_server_context`; six things of it are not good enough here, so its
parts are put together by hand. They are those of version 0.4.17, and not all are documented.

* It sets SO_REUSEPORT: a second server would take half of the messages in silence. Here a busy port is an error.
* It keeps each response for 247 s with the request that it answers: every block of every picture. Here the responses
  that are kept for duplicates (section 4.2) are limited in number. What a forgotten duplicate does again changes
  nothing: reading is safe, and the same picture sent twice is one picture.
* It reads 4,096 bytes of a datagram and drops the rest without a word. Here such a message is answered by 4.13.
* It has no way to know when a client has acknowledged a notification. Here `idle` waits for it (NSTART = 1).
* It asks the kernel for the ICMP errors of its sockets (IP_RECVERR), and an event loop that gives a socket up at an
  error, as uvloop's does, reads no more of it after the first client that was gone. Here errors are not asked for: a
  client that is gone is one that does not acknowledge.
* It answers some messages whose format is wrong, and logs who sent others. Here they are rejected by a reset where they
  ask for an acknowledgement, ignored otherwise (RFC 7252 section 4.2), and counted.

Known limits: sockets are IPv6 ones that carry IPv4 as well, so IPv6 has to be enabled in the kernel.
"""

import asyncio
import errno
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

from aiocoap import Context, Message
from aiocoap.error import UnparsableMessage
from aiocoap.interfaces import EndpointAddress
from aiocoap.messagemanager import MessageManager
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, NON, RST
from aiocoap.pipe import Pipe, error_to_message, run_driving_pipe
from aiocoap.tokenmanager import TokenManager
from aiocoap.transports.udp6 import MessageInterfaceUDP6, UDP6EndpointAddress
from aiocoap.util import socknumbers
from aiocoap.util.asyncio.recvmsg import RecvmsgSelectorDatagramTransport
from prometheus_client import Counter

LOCALHOST: Final = "localhost"
ALL_COAP_NODES: Final = ("224.0.1.187", "ff02::fd", "ff05::fd")
"""The groups of discovery (RFC 7252 section 12.8)."""
KEPT_RESPONSES: Final = 20_000
RECEIVE_BUFFER: Final = 4 * 1024 * 1024
"""Many devices send at the same moment; the kernel grants what `net.core.rmem_max` allows."""
LOGGER: Final = "coap-server"

_BOTH_LOOPBACKS: Final = ("::ffff:127.0.0.1", "::1")
_HEADER: Final = 4
_CONFIRMABLE, _ACKNOWLEDGEMENT, _RESET = 0x40, 0x60, 0x70
_LONGEST_TOKEN: Final = 8
_PAYLOAD_MARKER: Final = 0xFF
_TOO_LARGE_OPTIONS: Final = bytes((0xD1, 0x0E, 0x06))
"""Block1, number 0, 1,024 bytes: how to send it instead (RFC 7959 section 2.9.3)."""


AncillaryData = tuple[int, int, bytes]
SocketAddress = tuple[str, int, int, int]


class Site(Protocol):
    """What answers requests."""

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Add one response to the pipe, or several, the last one marked so."""


class AddressInUse(OSError):
    """Somebody else listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            errno.EADDRINUSE,
            f"The UDP port {port} of {host} is in use by another program. LIGHTBOX_COAP_PORT names another one for"
            " CoAP, LIGHTBOX_COAP=false switches it off.",
        )


class _Context(Context):  # type: ignore[misc] # the library has no types
    """The library's, without a description of each request, which took a tenth of the time of an upload."""

    def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request in a task of its own."""
        run_driving_pipe(error_to_message(pipe, self.log), self._render_to_pipe(pipe), name="coap request")


class Exchanges(MessageManager):  # type: ignore[misc] # the library has no types
    """The message layer, with limits."""

    def __init__(self, token_manager: TokenManager, *, has_groups: bool, malformed: Counter) -> None:
        super().__init__(token_manager)
        self.has_groups = has_groups
        self.malformed = malformed
        self._kept: OrderedDict[tuple[EndpointAddress, int], tuple[float, Message | None]] = OrderedDict()
        self._waiting_for: dict[EndpointAddress, list[asyncio.Future[None]]] = {}

    async def idle(self, remote: EndpointAddress) -> None:
        """Returns when `remote` has acknowledged whatever it was sent, or is given up."""
        while remote in self._backlogs:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting_for.setdefault(remote, []).append(waiting)
            await waiting

    def dispatch_message(self, message: Message) -> None:
        """A group is asked without confirmation (RFC 7252 section 8.1)."""
        if self.has_groups and message.mtype is CON and message.remote.is_multicast_locally:
            return
        super().dispatch_message(message)

    def _deduplicate_message(self, message: Message) -> bool:
        key, now = (message.remote, message.mid), time.monotonic()
        while self._kept and (len(self._kept) >= KEPT_RESPONSES or next(iter(self._kept.values()))[0] < now):
            self._kept.popitem(last=False)
        if key not in self._kept:
            self._kept[key] = (now + message.transport_tuning.EXCHANGE_LIFETIME, None)
            return False
        response = self._kept[key][1]
        if message.mtype is CON and response is not None:
            self._send_initially(response)
        return True

    def _store_response_for_duplicates(self, message: Message) -> None:
        message.request = None
        key = (message.remote, message.mid)
        known = self._kept.get(key)
        if known is not None and message.mtype is ACK:
            self._kept[key] = (known[0], message)

    def _continue_backlog(self, remote: EndpointAddress) -> None:
        super()._continue_backlog(remote)
        if remote not in self._backlogs:
            self._wake(remote)

    def _retransmit(self, message: Message, timeout: float, retransmission_counter: int) -> None:
        super()._retransmit(message, timeout, retransmission_counter)
        if message.remote not in self._backlogs:  # it was given up
            self._wake(message.remote)

    def dispatch_error(self, error: Exception, remote: EndpointAddress) -> None:
        """The kernel has refused to send there, as without a route. That nobody listens there is not told here: see the
        module's text."""
        super().dispatch_error(error, remote)
        self._wake(remote)

    def _wake(self, remote: EndpointAddress) -> None:
        for waiting in self._waiting_for.pop(remote, ()):
            if not waiting.done():
                waiting.set_result(None)


class Interface(MessageInterfaceUDP6):  # type: ignore[misc] # the library has no types
    """The socket, for messages that the library would drop without an answer."""

    def connection_made(self, transport: RecvmsgSelectorDatagramTransport) -> None:
        """Before anything is read."""
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_IP, socknumbers.IP_RECVERR, 0)
        own.setsockopt(socket.IPPROTO_IPV6, socknumbers.IPV6_RECVERR, 0)
        super().connection_made(transport)

    def datagram_msg_received(
        self, data: bytes, ancdata: list[AncillaryData], flags: int, address: SocketAddress
    ) -> None:
        """A datagram."""
        pktinfo = next(
            (data for *kind, data in ancdata if kind == [socket.IPPROTO_IPV6, socket.IPV6_PKTINFO]),
            None,
        )
        remote = UDP6EndpointAddress(address, self, pktinfo=pktinfo)
        if flags & socket.MSG_TRUNC:
            self._refuse(data, remote, _ACKNOWLEDGEMENT, 0x8D)
            return
        try:
            message = _decoded(data, remote)
        except (UnparsableMessage, UnicodeDecodeError):  # or an option of text that is none
            self._ctx.malformed.inc()
            self._refuse(data, remote, _RESET, 0)
            return
        self._ctx.dispatch_message(message)

    def _refuse(self, data: bytes, remote: EndpointAddress, kind: int, code: int) -> None:
        token_length = data[0] & 0x0F if len(data) >= _HEADER else 0
        if len(data) < _HEADER or data[0] & 0xF0 != _CONFIRMABLE:
            return
        if self._ctx.has_groups and remote.is_multicast_locally:
            return
        head = bytes((kind | (token_length if code else 0), code)) + data[2:4]
        self.transport.sendmsg(
            head + (data[4 : 4 + token_length] + _TOO_LARGE_OPTIONS if code else b""),
            [] if remote.pktinfo is None else [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, remote.pktinfo)],
            0,
            remote.sockaddr,
        )


def _decoded(data: bytes, remote: EndpointAddress) -> Message:
    """The message, with what the library does not mind: raises `UnparsableMessage`, `UnicodeDecodeError`."""
    token_length = data[0] & 0x0F if data else 0
    if token_length > _LONGEST_TOKEN or len(data) < _HEADER + token_length:
        raise UnparsableMessage
    message = Message.decode(data, remote)
    if message.code is EMPTY:
        fits = message.mtype is not NON and len(data) == _HEADER
    elif message.code.is_request():
        fits = message.mtype in {CON, NON}
    else:  # the rest is reserved
        fits = message.code.is_response() and message.mtype is not RST
    if not fits or (data[-1] == _PAYLOAD_MARKER and not message.payload and _ends_in_marker(data)):
        raise UnparsableMessage
    return message


def _ends_in_marker(data: bytes) -> bool:
    """Whether the last byte is the marker of a payload that is not there, and not the end of an option."""
    try:
        return bool(Message.decode(data + b"x").payload)  # no option of its own: its value would be missing
    except UnparsableMessage:
        return False


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """The bound sockets of an address, of both loopback addresses for `localhost`. Raises `OSError`: `AddressInUse`, or
    what is wrong with the address."""
    opened: list[socket.socket] = []
    try:
        for address in _BOTH_LOOPBACKS if host == LOCALHOST else (host,):
            try:
                opened.append(_bound(address, opened[0].getsockname()[1] if opened else port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise AddressInUse(host, port) from error
                if error.errno != errno.EADDRNOTAVAIL or not opened:  # a machine without ::1
                    raise
    except BaseException:
        for each in opened:
            each.close()
        raise
    return opened


def _bound(address: str, port: int) -> socket.socket:
    flags = socket.AI_NUMERICHOST | socket.AI_V4MAPPED
    [found, *_] = socket.getaddrinfo(address, port, socket.AF_INET6, socket.SOCK_DGRAM, flags=flags)
    opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened.bind(found[4])
    except BaseException:
        opened.close()
        raise
    return opened


async def listen(
    site: Site, sockets: Sequence[socket.socket], interfaces: Sequence[str], malformed: Counter
) -> Context:
    """Answer what comes to these sockets, as a member of the groups of `ALL_COAP_NODES` at these network interfaces;
    `malformed` counts what is no message. Raises `OSError` for an interface that does not exist, and closes them. The
    end is `await context.shutdown()`."""
    groups = [(group, interface) for interface in interfaces for group in ALL_COAP_NODES]
    context = _Context(serversite=site, loggername=LOGGER)
    logging.getLogger(LOGGER).setLevel(logging.WARNING)  # below, every message is told
    try:
        for each in sockets:
            tokens = TokenManager(context)
            exchanges = Exchanges(tokens, has_groups=bool(groups), malformed=malformed)
            exchanges.message_interface = await Interface._create_transport_endpoint(  # noqa: SLF001
                each, exchanges, context.log, context.loop, groups
            )
            tokens.token_interface = exchanges
            context.request_interfaces.append(tokens)
    except BaseException:
        if context.request_interfaces:
            await context.shutdown()
        for each in sockets:
            each.close()
        raise
    return context
