"""`lightbox collect` with servers whose responses differ from those of this project."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest
import stamina
from aiocoap import Code, Context, Message
from aiocoap.resource import Resource, Site
from conftest import SAMPLES
from support.commands import Terminal
from support.gateway import FakeService, Seen, Server, answer

from lightbox.collect.address import Address
from lightbox.collect.api_key import KEY_VARIABLE
from lightbox.collect.callbacks import ignore_progress
from lightbox.collect.connect import connect
from lightbox.collect.errors import CollectError
from lightbox.collect.files import file_name, save
from lightbox.collect.models import Picture
from lightbox.collect.retry import ATTEMPTS
from lightbox.commands.collect import app
from lightbox_shared.config import Settings

JPEG = SAMPLES / "covid19-normal.jpg"
KEY = "lbx_" + "k" * 40
PICTURE = ("--device", "12345", "--timestamp", "2024-08-18T02:04:07Z")


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(Settings())


@contextmanager
def answering(*answers: tuple[int, dict[str, Any] | bytes, dict[str, str]]) -> Iterator[tuple[str, FakeService]]:
    """Run a server that gives these answers, one after the other."""
    left = list(answers)

    async def behave(seen: Seen, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            seen.body += message.get("body", b"")
            more = message.get("more_body", False)
        status, body, headers = left.pop(0)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await answer(send, content, status, [(name.encode(), text.encode()) for name, text in headers.items()])

    service = FakeService(behave=behave)
    server = Server(service)
    try:
        yield server.url, service
    finally:
        server.stop()


async def test_a_busy_server_is_asked_again(terminal: Terminal) -> None:
    busy = (503, {"detail": "Too many uploads are under way."}, {"Retry-After": "0"})
    with answering(busy, busy, (200, {}, {})) as (url, service):
        done = await terminal.run(app, "send", url, str(JPEG), *PICTURE)
    assert (done.exit_code, done.stdout) == (0, f"{JPEG}: was there already\n")
    assert done.stderr == "Too many uploads are under way. Trying again in 0 s ...\n" * 2
    [sent] = {each.body for each in service.seen}
    assert cbor2.loads(sent) == {
        "deviceId": "12345",
        "timestamp": "2024-08-18T02:04:07+00:00",
        "imageData": JPEG.read_bytes(),
    }
    assert service.last.headers["content-type"] == "application/cbor"
    assert "transfer-encoding" not in service.last.headers


async def test_a_server_that_stays_busy_is_asked_a_few_times(terminal: Terminal) -> None:
    busy: tuple[int, dict[str, Any], dict[str, str]] = (503, {"detail": "Too many uploads are under way."}, {})
    with stamina.set_testing(True, attempts=9, cap=True), answering(*[busy] * ATTEMPTS) as (url, service):
        done = await terminal.run(app, "send", url, str(JPEG), *PICTURE)
    assert (done.exit_code, done.stdout, len(service.seen)) == (1, "", ATTEMPTS)
    again = "Too many uploads are under way. Trying again in 0 s ...\n"
    assert done.stderr == again * (ATTEMPTS - 1) + f"{JPEG}: failed: Too many uploads are under way.\n"


async def test_a_key_goes_into_its_header_and_never_over_coap(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    with answering((201, {}, {}), (201, {}, {})) as (url, service):
        await terminal.ok(app, "send", url, str(JPEG), *PICTURE, "--key-file", str(tmp_path / "key"))
        assert service.last.headers["x-api-key"] == KEY
        await terminal.run(app, "send", url, str(JPEG), *PICTURE, **{KEY_VARIABLE: KEY})
        assert service.last.headers["x-api-key"] == KEY
    done = await terminal.run(app, "send", "coap://127.0.0.1:9", str(JPEG), *PICTURE, **{KEY_VARIABLE: KEY})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("An API key is never sent over coap://")
    assert KEY not in done.stderr


async def test_other_bytes_than_announced_are_not_kept(terminal: Terminal, tmp_path: Path) -> None:
    with answering((200, b"picture", {"ETag": f'"{"0" * 64}"', "Content-Type": "image/png"})) as (url, _):
        said = await terminal.refused(app, "get", url, *PICTURE, "-o", str(tmp_path / "x"))
    assert said == "What came is not what the server says that it is: its SHA-256 is another one."
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {"title": "Not authenticated"}, "Not authenticated"),
        (302, b"", "The server answered 302 Found."),
        (500, b"<html>", "The server answered 500 Internal Server Error."),
        (400, {"detail": "\x1b[2J"}, "\\x1b[2J"),
    ],
)
async def test_a_refusal_is_one_sentence(
    terminal: Terminal, status: int, body: dict[str, Any] | bytes, sentence: str
) -> None:
    with answering((status, body, {"Location": "http://127.0.0.1:9/"})) as (url, service):
        assert await terminal.refused(app, "get", url, "--device", "12345", "--latest") == sentence
    assert len(service.seen) == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("127.0.0.1:8000", "The URL begins with http://, https:// or coap:// and names a host."),
        ("ftp://127.0.0.1", "The URL begins with http://, https:// or coap:// and names a host."),
        ("coap://", "The URL begins with http://, https:// or coap:// and names a host."),
        ("http://127.0.0.1:x", "http://127.0.0.1:x is no URL: Port could not be cast to integer value as 'x'."),
        ("http://[::1", "http://[::1 is no URL: Invalid IPv6 URL."),
        ("http://a:b@127.0.0.1", "Credentials do not belong into a URL: use --key-file or LIGHTBOX_API_KEY."),
        ("http://127.0.0.1/?a=b", "The URL is that of a collection, without a query."),
        ("http://127.0.0.1:0", "No server is at port 0."),
        ("coap://exa..mple", "exa..mple is no name of a host (RFC 1035 section 2.3.4)."),
        (f"coap://{'a' * 300}", f"{'a' * 300} is no name of a host (RFC 1035 section 2.3.4)."),
        ("coap://224.0.1.187", "224.0.1.187 is the address of a group of hosts: name one of them."),
        ("coap://[ff02::fd%25lo]", "ff02::fd%25lo is the address of a group of hosts: name one of them."),
        ("coap://[::ffff:224.0.1.187]", "::ffff:224.0.1.187 is the address of a group of hosts: name one of them."),
        ("http://[::1%25lo]", "The server's name leads to no address."),
        ("coap://[::1%25nowhere]", "The server's name leads to no address."),
    ],
)
async def test_an_address_that_is_none(terminal: Terminal, url: str, sentence: str) -> None:
    assert await terminal.refused(app, "discover", url) == sentence


async def test_an_id_that_is_not_utf_8(terminal: Terminal) -> None:
    done = await terminal.run(app, "send", "http://127.0.0.1:9", str(JPEG), "--device", "\udcff")
    assert done.exit_code == 2
    assert "not UTF-8" in done.stderr


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("../../etc/passwd", "_.._etc_passwd-2024-08-18T02_04_07Z.bin"),
        ("-rf", "rf-2024-08-18T02_04_07Z.bin"),
        ("zoë\n", "zo_-2024-08-18T02_04_07Z.bin"),
        ("d" * 300, "d" * 120 + ".bin"),
    ],
)
def test_a_device_s_id_makes_a_harmless_name(tmp_path: Path, device: str, expected: str) -> None:
    name = file_name(device, "2024-08-18T02:04:07Z", b"no picture")
    assert name == expected
    save(tmp_path / name, b"no picture")
    assert [each.name for each in tmp_path.iterdir()] == [expected]


class SmallBlocks(Resource):  # type: ignore[misc] # the library has no types
    """Asks for blocks of 64 bytes, and assembles them."""

    exponent = 2

    def __init__(self, *, refuses: bool) -> None:
        super().__init__()
        self.refuses = refuses
        self.received = b""
        self.tags: set[tuple[bytes, ...]] = set()

    async def needs_blockwise_assembly(self, _request: Message) -> bool:
        return False

    async def render_post(self, request: Message) -> Message:
        number, more, exponent = request.opt.block1
        self.tags.add(tuple(request.opt.request_tag))
        if self.refuses and exponent > self.exponent:
            reply = Message(code=Code.REQUEST_ENTITY_TOO_LARGE)
            reply.opt.block1 = (number, more, self.exponent)
            return reply
        assert number * 2 ** (exponent + 4) == len(self.received)
        self.received += request.payload
        reply = Message(code=Code.CONTINUE if more else Code.CREATED)
        reply.opt.block1 = (number, more, self.exponent)
        return reply


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_server_may_want_smaller_blocks(refuses: bool) -> None:
    """A server asks for smaller blocks in its first response (RFC 7959 section 2.5) or by 4.13 (section 2.9.3)."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    resource, site = SmallBlocks(refuses=refuses), Site()
    site.add_resource(["collections", "images"], resource)
    server = await Context.create_server_context(site, bind=("::1", port), transports=["udp6"])
    try:
        picture = Picture("12345", datetime(2024, 8, 18, tzinfo=UTC), bytes(3000))
        async with asyncio.timeout(20), connect(Address.parse(f"coap://[::1]:{port}")) as transport:
            assert await transport.send(picture, ignore_progress)
            with pytest.raises(CollectError, match=r"^The server answered 4\.0"):
                await transport.get("12345", None, ignore_progress)
    finally:
        await server.shutdown()
    assert resource.received == picture.to_cbor()
    assert len(resource.tags) == 1
