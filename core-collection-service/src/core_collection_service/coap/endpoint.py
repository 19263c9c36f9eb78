"""The UDP endpoint: aiocoap's message layer (RFC 7252) on sockets that are opened here.

`Context.create_server_context` of aiocoap has six properties that a public server can't have, so its parts are
assembled here in another way. They are those of version 0.4.17, and not all are documented.

* It sets SO_REUSEPORT: a second server on the port would silently take half of the messages. Here a port that is in use
  is an error.
* It keeps each response for 247 s with the request that it answers, so every block of every picture. Here the number of
  responses that are kept for duplicates (section 4.2) is limited. A duplicate that is answered again after its response
  was dropped changes nothing: reading is safe, and the same picture sent twice is one picture.
* It reads 4,096 bytes of a datagram and drops the rest without an error. Here such a message is answered by 4.13.
* It does not tell when a client has acknowledged a notification. Here `idle` waits for it (NSTART = 1).
* It requests the ICMP errors of its sockets (IP_RECVERR), and an event loop that stops reading a socket after an error,
  as uvloop's does, then reads nothing more after the first client that is gone. Here they are not requested: a client
  that is gone is noticed because it does not acknowledge.
* It answers some malformed messages, and logs the senders of others. Here they are rejected by a reset if they are
  confirmable, ignored otherwise (RFC 7252 section 4.2), and counted.

Known limit: sockets are IPv6 sockets that carry IPv4 as well, so IPv6 has to be enabled in the kernel.
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

from core_collection_service.coap.options import note_lengths

LOCALHOST: Final = "localhost"
ALL_COAP_NODES: Final = ("224.0.1.187", "ff02::fd", "ff05::fd")
"""The multicast groups of discovery (RFC 7252 section 12.8)."""
KEPT_RESPONSES: Final = 20_000
RECEIVE_BUFFER: Final = 4 * 1024 * 1024
"""For many devices that send at the same moment; the kernel grants what `net.core.rmem_max` allows."""
LOGGER: Final = "coap-server"

_BOTH_LOOPBACKS: Final = ("::ffff:127.0.0.1", "::1")
_HEADER: Final = 4
_CONFIRMABLE, _ACKNOWLEDGEMENT, _RESET = 0x40, 0x60, 0x70
_LONGEST_TOKEN: Final = 8
_PAYLOAD_MARKER: Final = 0xFF
_BLOCK1_OPTION: Final = bytes((0xD1, 0x0E, 0x06))
"""Block1, number 0, 1,024 bytes: how a message that is too large can be sent instead (RFC 7959 section 2.9.3)."""

AncillaryData = tuple[int, int, bytes]
SocketAddress = tuple[str, int, int, int]


class Site(Protocol):
    """Answers requests."""

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Add one response to the pipe, or several of which the last is marked as such."""


class AddressInUse(OSError):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            errno.EADDRINUSE,
            f"The UDP port {port} of {host} is in use by another program. LIGHTBOX_COAP_PORT names another one for"
            " CoAP, LIGHTBOX_COAP=false switches it off.",
        )


class _Context(Context):  # type: ignore[misc] # the library has no types
    """aiocoap's context, without its debug description of each request, which takes a tenth of the time of an
    upload."""

    def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request in a task of its own."""
        run_driving_pipe(error_to_message(pipe, self.log), self._render_to_pipe(pipe), name="coap request")


class LimitedMessageManager(MessageManager):  # type: ignore[misc] # the library has no types
    """aiocoap's message layer, with limits."""

    def __init__(self, token_manager: TokenManager, *, has_groups: bool, malformed: Counter) -> None:
        super().__init__(token_manager)
        self.has_groups = has_groups
        self.malformed = malformed
        self._responses: OrderedDict[tuple[EndpointAddress, int], tuple[float, Message | None]] = OrderedDict()
        """By sender and message id: until when a duplicate may come, and the response if there is one."""
        self._waiting_for: dict[EndpointAddress, list[asyncio.Future[None]]] = {}

    async def idle(self, remote: EndpointAddress) -> None:
        """Returns when `remote` has acknowledged every message, or when sending to it has been given up."""
        while remote in self._backlogs:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting_for.setdefault(remote, []).append(waiting)
            await waiting

    def dispatch_message(self, message: Message) -> None:
        """Handle a message. Confirmable ones by multicast are ignored (RFC 7252 section 8.1)."""
        if self.has_groups and message.mtype is CON and message.remote.is_multicast_locally:
            return
        super().dispatch_message(message)

    def _deduplicate_message(self, message: Message) -> bool:
        key, now = (message.remote, message.mid), time.monotonic()
        while self._responses and (
            len(self._responses) >= KEPT_RESPONSES or next(iter(self._responses.values()))[0] < now
        ):
            self._responses.popitem(last=False)
        if key not in self._responses:
            self._responses[key] = (now + message.transport_tuning.EXCHANGE_LIFETIME, None)
            return False
        response = self._responses[key][1]
        if message.mtype is CON and response is not None:
            self._send_initially(response)
        return True

    def _store_response_for_duplicates(self, message: Message) -> None:
        message.request = None
        key = (message.remote, message.mid)
        known = self._responses.get(key)
        if known is not None and message.mtype is ACK:
            self._responses[key] = (known[0], message)

    def _continue_backlog(self, remote: EndpointAddress) -> None:
        super()._continue_backlog(remote)
        if remote not in self._backlogs:
            self._wake(remote)

    def _retransmit(self, message: Message, timeout: float, retransmission_counter: int) -> None:
        super()._retransmit(message, timeout, retransmission_counter)
        if message.remote not in self._backlogs:  # it was given up
            self._wake(message.remote)

    def dispatch_error(self, error: Exception, remote: EndpointAddress) -> None:
        """Handle that the kernel has refused to send to `remote`, as it does without a route. ICMP errors do not get
        here (see the module's description)."""
        super().dispatch_error(error, remote)
        self._wake(remote)

    def _wake(self, remote: EndpointAddress) -> None:
        for waiting in self._waiting_for.pop(remote, ()):
            if not waiting.done():
                waiting.set_result(None)


class UdpInterface(MessageInterfaceUDP6):  # type: ignore[misc] # the library has no types
    """aiocoap's UDP socket, which also answers messages that the library would drop or misread."""

    def connection_made(self, transport: RecvmsgSelectorDatagramTransport) -> None:
        """Disable the reports of ICMP errors before anything is read."""
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_IP, socknumbers.IP_RECVERR, 0)
        own.setsockopt(socket.IPPROTO_IPV6, socknumbers.IPV6_RECVERR, 0)
        super().connection_made(transport)

    def datagram_msg_received(
        self, data: bytes, ancdata: list[AncillaryData], flags: int, address: SocketAddress
    ) -> None:
        """Handle a datagram."""
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
        except (UnparsableMessage, UnicodeDecodeError):  # the latter for an option of text that is not UTF-8
            self._ctx.malformed.inc()
            self._refuse(data, remote, _RESET, 0)
            return
        self._ctx.dispatch_message(message)

    def _refuse(self, data: bytes, remote: EndpointAddress, kind: int, code: int) -> None:
        """Answer a confirmable message by a reset, or by an acknowledgement with a response code."""
        token_length = data[0] & 0x0F if len(data) >= _HEADER else 0
        if len(data) < _HEADER or data[0] & 0xF0 != _CONFIRMABLE:
            return
        if self._ctx.has_groups and remote.is_multicast_locally:
            return
        head = bytes((kind | (token_length if code else 0), code)) + data[2:4]
        self.transport.sendmsg(
            head + (data[4 : 4 + token_length] + _BLOCK1_OPTION if code else b""),
            [] if remote.pktinfo is None else [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, remote.pktinfo)],
            0,
            remote.sockaddr,
        )


def _decoded(data: bytes, remote: EndpointAddress) -> Message:
    """The message in a datagram. Raises `UnparsableMessage` and `UnicodeDecodeError`, also for what the library accepts
    against RFC 7252 section 3."""
    token_length = data[0] & 0x0F if data else 0
    if token_length > _LONGEST_TOKEN or len(data) < _HEADER + token_length:
        raise UnparsableMessage
    message = Message.decode(data, remote)
    if message.code is EMPTY:
        fits = message.mtype is not NON and len(data) == _HEADER
    elif message.code.is_request():
        fits = message.mtype in {CON, NON}
    else:  # other codes are reserved
        fits = message.code.is_response() and message.mtype is not RST
    if not fits or (data[-1] == _PAYLOAD_MARKER and not message.payload and _ends_in_marker(data)):
        raise UnparsableMessage
    note_lengths(message, data)
    return message


def _ends_in_marker(data: bytes) -> bool:
    """Whether the last byte is the marker of a missing payload, and not the end of an option."""
    try:
        return bool(Message.decode(data + b"x").payload)  # as an option `x` would lack its value
    except UnparsableMessage:
        return False


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Bound sockets for an address, for both loopback addresses if it is `localhost`. Raises `AddressInUse`, and other
    kinds of `OSError` for an address that can't be used."""
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
    """Answer requests on these sockets, as a member of `ALL_COAP_NODES` on these network interfaces, until `await
    context.shutdown()`. `malformed` counts datagrams that are no messages. Raises `OSError` for an interface that does
    not exist, after the sockets have been closed."""
    groups = [(group, interface) for interface in interfaces for group in ALL_COAP_NODES]
    context = _Context(serversite=site, loggername=LOGGER)
    logging.getLogger(LOGGER).setLevel(logging.WARNING)  # below it, every message is logged
    try:
        for each in sockets:
            tokens = TokenManager(context)
            manager = LimitedMessageManager(tokens, has_groups=bool(groups), malformed=malformed)
            manager.message_interface = await UdpInterface._create_transport_endpoint(  # noqa: SLF001
                each, manager, context.log, context.loop, groups
            )
            tokens.token_interface = manager
            context.request_interfaces.append(tokens)
    except BaseException:
        if context.request_interfaces:
            await context.shutdown()
        for each in sockets:
            each.close()
        raise
    return context
