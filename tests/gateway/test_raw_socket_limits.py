"""Limits on the memory, time and connections that one client can use."""

import asyncio
import socket
import sys
import time

import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start, raw, until

MB = 2**20
GET = b"GET /api/models HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT_SECONDS = 0.5


def feed(port: int, beginning: bytes, piece: bytes, pieces: int) -> tuple[int, bytes]:
    """Send an endless request until the server closes the connection. Returns the number of bytes and the answer."""
    sent, received = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(beginning)
            for _ in range(pieces):
                connection.sendall(piece)
                sent += len(piece)
        except ConnectionError:
            pass
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass
    return sent, received


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (b"GET /alive HTTP/1.1\r\nHost: x\r\n", b"X-Header: " + b"x" * 990 + b"\r\n"),
        (b"GET /alive HTTP/1.1\r\nHost: x\r\nX-Header: ", b"x" * MB),
        (b"GET /", b"x" * MB),
        (b"", b"x" * MB),
        (b"POST /alive HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;", b"x" * MB),
        (b"POST /alive HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ", b"x" * MB),
    ],
    ids=["headers", "one header", "path", "method", "chunk extension", "trailer"],
)
def test_what_has_no_end_is_not_collected(platform: Platform, beginning: bytes, piece: bytes) -> None:
    """The number of bytes that were read, including system buffers, is a fraction of what was offered."""
    sent, received = feed(platform.port, beginning, piece, 60 * MB // len(piece))
    assert sent < 10 * MB
    assert received[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 414", b"HTTP/1.1 400", b"")
    assert platform.service.seen == []
    assert platform.http.get("/alive").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /alive HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /alive HTTP/1.1\r\nHost: x\r\nX-Header: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Header: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
    ids=["200 headers", "200 kB path", "200 kB header", "40 kB header"],
)
async def test_a_head_that_is_too_large_is_refused(platform: Platform, head: bytes) -> None:
    assert (await raw(platform.port, head))[:12] == b"HTTP/1.1 431"
    assert platform.service.seen == []


@pytest.mark.parametrize(
    "said",
    [b"", b"GET /alive HT", b"GET /alive HTTP/1.1\r\nHost: x\r\n", GET],
    ids=["nothing", "half a line", "half a head", "a request, and no other"],
)
async def test_silence_ends_a_connection(start: Start, said: bytes) -> None:
    platform = start(header_timeout_seconds=LIMIT_SECONDS)
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(said)
    received = await asyncio.wait_for(reader.read(), 20 * LIMIT_SECONDS)
    writer.close()
    assert received[9:12] == (b"200" if said == GET else b"")


async def test_a_head_that_arrives_byte_by_byte_is_limited(start: Start) -> None:
    """The limit is for the whole head: it does not start again with each byte."""
    platform = start(header_timeout_seconds=LIMIT_SECONDS)
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(b"GET /alive HTTP/1.1\r\nHost: x\r\nX-Header: ")

    async def drip() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(LIMIT_SECONDS / 10)

    dripping = asyncio.create_task(drip())
    try:
        received = await asyncio.wait_for(reader.read(), 20 * LIMIT_SECONDS)
    except ConnectionError:
        received = b""
    dripping.cancel()
    writer.close()
    assert received == b""


async def test_the_limit_for_the_head_is_for_nothing_else(start: Start) -> None:
    """Silent event streams, slow bodies and late answers are not ended by the limit for the head of a request."""
    platform = start(header_timeout_seconds=LIMIT_SECONDS)

    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.body += message["body"]
            if not message["more_body"]:
                break
        if seen.path.endswith(b"/late"):
            await asyncio.sleep(3 * LIMIT_SECONDS)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(2 if seen.path.endswith(b"/events") else 0):
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
            await asyncio.sleep(3 * LIMIT_SECONDS)
        await send({"type": "http.response.body", "body": b"end"})

    platform.service.behave = behave

    async def events() -> bytes:
        async with platform.client() as http:
            return (await http.get("/api/models/events")).content

    async def slow_body() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
        writer.write(b"POST /api/models/body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")
        for _ in range(3):
            await asyncio.sleep(1.2 * LIMIT_SECONDS)
            writer.write(b"x")
        received = await reader.read()
        writer.close()
        return received

    async def late() -> bytes:
        async with platform.client() as http:
            return (await http.get("/api/models/late")).content

    streamed, uploaded, answered = await asyncio.gather(events(), slow_body(), late())
    assert (streamed, answered) == (b"data: x\n\ndata: x\n\nend", b"end")
    assert uploaded.startswith(b"HTTP/1.1 200 ")
    assert {seen.path: seen.body for seen in platform.service.seen}[b"/api/models/body"] == b"xxx"


async def test_the_head_of_a_stream_comes_before_its_first_byte(platform: Platform) -> None:
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        await send({"type": "http.response.body", "body": b"end"})

    platform.service.behave = behave
    async with platform.client() as http, http.stream("GET", "/api/models") as response:
        assert response.status_code == 200
        go_on.set()
        assert await response.aread() == b"end"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such time limit")
@pytest.mark.parametrize("pipelined", [True, False], ids=["many small answers", "one large answer"])
def test_a_client_that_reads_nothing_is_left(start: Start, pipelined: bool) -> None:
    """Answers stay in system buffers for some time. Then the connection is closed, and the buffers are freed."""
    platform = start(stalled_seconds=1.0)
    chunk = b"x" * 60_000

    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(0 if pipelined else 400 * MB // len(chunk)):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": chunk})

    platform.service.behave = behave
    with socket.create_connection(("127.0.0.1", platform.port)) as connection:
        connection.setblocking(False)
        sent, ended, deadline = 0, False, time.monotonic() + 15
        while not ended and time.monotonic() < deadline:
            try:
                sent += connection.send(GET * 100 if pipelined or not sent else b"G")
            except BlockingIOError:
                time.sleep(0.01)
            except ConnectionError:
                ended = True
        assert ended
        assert sent < 10 * MB
    assert platform.http.get("/healthz").status_code == 200


async def test_a_client_that_stands_still_holds_little(start: Start) -> None:
    """Of an answer of 400 MB, only as much is read as the buffers can hold."""
    platform = start()
    chunk, sent = b"x" * 65536, 0

    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400 * MB // len(chunk)):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            sent += len(chunk)

    platform.service.behave = behave
    _, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(GET)
    before = -1
    while sent != before or not sent:
        before = sent
        await asyncio.sleep(0.5)
    assert sent < 30 * MB
    writer.close()
    await until(lambda: platform.http.get("/healthz").status_code == 200)
