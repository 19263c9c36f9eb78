"""CoAP with clients that are gone and with malformed messages, on uvloop, the event loop of the service."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from aiocoap import Message
from aiocoap.numbers.codes import Code
from aiocoap.pipe import Pipe
from anyio import to_thread
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from support.asgi import WithState, client_of, running
from support.coap import HOST, coap_of, device, free_udp_port
from support.collection import MakeCoreSettings

from core_collection_service.app import create_app
from core_collection_service.coap.endpoint import listen, open_sockets
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.ping import check_addresses
from core_collection_service.coap.requests import host_of, logged_path_of

GET = b"\x41\x01\x00\x01t"
"""A confirmable request of `/` without options."""
RESET = b"\x70\x00"


class WaitingSite:
    """Answers each request after `may_answer` is set; an observation at once, and again then."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def render_to_pipe(self, pipe: Pipe) -> None:
        """Answer a request."""
        if pipe.request.opt.observe is not None:
            pipe.add_response(Message(code=Code.CONTENT, observe=1), is_last=False)
        self.requested.set()
        await self.may_answer.wait()
        pipe.add_response(Message(code=Code.CONTENT), is_last=True)


async def _lose_a_client(host: str, options: bytes) -> None:
    site, [*sockets] = WaitingSite(), open_sockets("localhost", 0)
    context = await listen(site, sockets, (), CoapMetrics(CollectorRegistry()).malformed)
    try:
        port = sockets[0].getsockname()[1]
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
            client.sendto(GET + options, (host, port))
            await site.requested.wait()
        site.may_answer.set()  # the client is gone, which the kernel reports at once
        for _ in range(3):
            await check_addresses([each.getsockname()[:2] for each in sockets])
        async with device(port, "[::1]" if host == "::1" else HOST) as another:
            assert (await another.get("/")).code is Code.CONTENT
    finally:
        await context.shutdown()


@pytest.mark.parametrize("options", [b"", b"\x60"], ids=["before its answer", "an observer"])
@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "::1"])
async def test_a_client_that_is_gone_does_not_affect_others(host: str, options: bytes) -> None:
    await to_thread.run_sync(lambda: uvloop.run(_lose_a_client(host, options)))


async def test_readiness_includes_coap(make_core_settings: MakeCoreSettings) -> None:
    app = create_app(make_core_settings(coap=True, coap_port=free_udp_port()))
    async with running(app) as core, client_of(core) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["coap"]) == (200, "ok")


async def test_a_socket_that_is_not_read_is_not_ready() -> None:
    [unread, *others] = open_sockets("localhost", 0)
    try:
        with pytest.raises(OSError, match="does not answer"):
            await check_addresses([unread.getsockname()[:2]])
    finally:
        for each in (unread, *others):
            each.close()


async def test_an_unspecified_address_is_pinged_on_loopback(core: WithState) -> None:
    async with coap_of(core.state["services"], host="::") as port:
        await check_addresses([("::", port), ("::ffff:0.0.0.0", port), ("::1", port)])


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def plain(core: WithState, registry: CollectorRegistry) -> AsyncIterator[socket.socket]:
    """A socket that is connected to a server."""
    async with coap_of(core.state["services"], registry=registry) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.setblocking(False)
            plain.connect((HOST, port))
            yield plain


async def _answers(plain: socket.socket, datagram: bytes) -> list[bytes]:
    """The answers to a datagram that arrive before that to a ping, which is sent after it."""
    loop, found = asyncio.get_running_loop(), []
    await loop.sock_sendall(plain, datagram)
    await loop.sock_sendall(plain, b"\x40\x00ZZ")
    async with asyncio.timeout(10):
        while (answer := await loop.sock_recv(plain, 4096)) != RESET + b"ZZ":
            found.append(answer)
    return found


@pytest.mark.parametrize(
    "after",
    [
        *(bytes((token_length, 1)) + b"ab" + bytes(15) for token_length in range(9, 16)),
        b"\x04\x01abxy",
        b"\x00\x01ab\xff",
        b"\x00\x01ab\xb1x\xff",
        b"\x00\x01ab\xf1x",
        b"\x00\x01ab\xbeaaa",
        b"\x00\x01ab\xb1\xff",
        b"\x00\x00ab\xffabc",
        b"\x01\x00abt",
        b"\x00\x21ab",
        b"\x00\xe1ab",
    ],
)
async def test_malformed_messages_are_rejected_and_counted(
    plain: socket.socket, registry: CollectorRegistry, after: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as logged:
        assert await _answers(plain, bytes((0x40 | after[0],)) + after[1:]) == [RESET + b"ab"]
        for unconfirmable in (0x50, 0x60, 0x70):
            assert await _answers(plain, bytes((unconfirmable | after[0],)) + after[1:]) == []
    assert registry.get_sample_value("lightbox_coap_malformed_total") == 4
    assert HOST not in caplog.text + str(logged)


@pytest.mark.parametrize("datagram", [b"", b"\x40\x01a", b"\x00\x01ab", b"\xc0\x01ab", b"\x50\x00ab"])
async def test_datagrams_of_another_version_are_ignored(
    plain: socket.socket, registry: CollectorRegistry, datagram: bytes
) -> None:
    assert await _answers(plain, datagram) == []
    assert registry.get_sample_value("lightbox_coap_malformed_total") == 1


async def test_an_option_may_end_with_the_payload_marker(plain: socket.socket) -> None:
    [answer] = await _answers(plain, b"\x40\x01ab\xd1\xef\xff")  # the elective option 252
    assert (answer[0], answer[2:4]) == (0x60, b"ab")


@pytest.mark.parametrize(
    ("address", "other", "is_same"),
    [
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
    ],
)
def test_which_addresses_are_one_client(address: str, other: str, is_same: bool) -> None:
    found = [host_of(_from(each)) for each in (address, other)]
    assert (found[0] == found[1]) is is_same


def _from(address: str) -> Any:
    class Remote:
        sockaddr = (address, 5683, 0, 0)

    message = Message(code=Code.GET)
    message.remote = Remote()
    return message


def test_a_logged_path_is_short_and_printable() -> None:
    message = Message(code=Code.GET, uri_path=("collections", "a\x1b[2J\n", "x" * 4000))
    shown = logged_path_of(message)
    assert shown.startswith("/collections/a?[2J?/xxx")
    assert (len(shown), shown.isprintable()) == (200, True)
