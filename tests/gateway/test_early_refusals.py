"""A refusal that comes before the end of a request's body reaches the client that is still sending (RFC 9112 section
9.6), whoever refuses and whatever becomes of the connection."""

import socket
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Send
from support.gateway import Behaviour, Platform, Seen, Start, answer

MB = 2**20
KEEP, CLOSE = b"", b"Connection: close\r\n"


async def refuse_early(_seen: Seen, _receive: Receive, send: Send) -> None:
    await answer(send, b'{"title":"full"}', 503)


async def refuse_in_the_middle(_seen: Seen, receive: Receive, send: Send) -> None:
    size = 0
    while size < MB:
        size += len((await receive())["body"])
    await answer(send, b'{"title":"full"}', 503)


def pieces(size: int, *, chunked: bool) -> Iterator[bytes]:
    piece = b"x" * 100_000
    for _ in range(size // len(piece)):
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
    if chunked:
        yield b"0\r\n\r\n"


def send_all_then_read(port: int, target: bytes, headers: bytes, size: int, *, chunked: bool) -> bytes:
    """What a client does that looks for the answer when it has sent everything. Raises `ConnectionError`."""
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST %b HTTP/1.1\r\nHost: x\r\n%b%b\r\n\r\n" % (target, headers, framing))
        for piece in pieces(size, chunked=chunked):
            connection.sendall(piece)
        received = connection.recv(65536)
        while not received.endswith((b"}", b"0\r\n\r\n")):
            more = connection.recv(65536)
            assert more, received
            received += more
        return received


@pytest.mark.parametrize("behave", [refuse_early, refuse_in_the_middle])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("connection", [KEEP, CLOSE])
def test_a_services_refusal(start: Start, behave: Behaviour, chunked: bool, connection: bytes) -> None:
    platform = start()
    platform.service.behave = behave
    for _ in range(3):
        got = send_all_then_read(platform.port, b"/predict", connection, 20 * MB, chunked=chunked)
        assert got.startswith(b"HTTP/1.1 503 "), got[:100]
        assert b'{"title":"full"}' in got


@pytest.mark.parametrize("size", [50 * 1024, 30 * MB, 60 * MB])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("connection", [KEEP, CLOSE])
def test_the_gateways_refusal(platform: Platform, size: int, chunked: bool, connection: bytes) -> None:
    size -= size % 100_000
    got = send_all_then_read(platform.port, b"/api/predictions", connection, size or 50_000, chunked=chunked)
    assert got.startswith(b"HTTP/1.1 401 "), got[:100]
