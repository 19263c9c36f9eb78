"""Bodies that arrive slowly, and many of them from one address."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start, answer, until

SPAN = 0.6
HOST = b"Host: x\r\nConnection: close\r\n"
UPLOAD = b"/predict"
PATHS = [UPLOAD, b"/api/models"]


@pytest.fixture
def slow(start: Start) -> Platform:
    return start(body_seconds=SPAN)


def head(path: bytes, length: int | None) -> bytes:
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    return b"POST %b HTTP/1.1\r\n%b%b\r\n\r\n" % (path, HOST, framing)


async def trickle(port: int, beginning: bytes, piece: bytes, pause: float) -> bytes:
    """Send a beginning and then pieces until the answer comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(beginning)

    async def drip() -> None:
        while True:
            await asyncio.sleep(pause)
            writer.write(piece)

    dripping = asyncio.create_task(drip())
    try:
        return await asyncio.wait_for(reader.read(), 20 * SPAN)
    finally:
        dripping.cancel()
        writer.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [50_000, 5_000_000, None])
@pytest.mark.parametrize("begun", [0, 10_000])
async def test_a_body_that_trickles_is_given_up(slow: Platform, path: bytes, length: int | None, begun: int) -> None:
    """Wherever it goes, and before it has held a connection to a service for long."""
    if path != UPLOAD and length == 5_000_000:
        pytest.skip("it is refused for its size")
    piece = b"1\r\nx\r\n" if length is None else b"x"
    first = b"" if not begun else b"%x\r\n%b\r\n" % (begun, b"x" * begun) if length is None else b"x" * begun
    received = await trickle(slow.port, head(path, length) + first, piece, SPAN / 20)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"came too slowly" in received
    await until(lambda: slow.gateway_requests() == 0)
    assert all(seen.disconnected for seen in slow.service.seen)


async def test_a_body_that_keeps_the_pace_takes_as_long_as_it_takes(slow: Platform) -> None:
    size, pieces = 900_000, 12
    reader, writer = await asyncio.open_connection("127.0.0.1", slow.port)
    writer.write(head(UPLOAD, size))
    for _ in range(pieces):
        await asyncio.sleep(SPAN / 4)
        writer.write(b"x" * (size // pieces))
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert len(slow.service.last.body) == size


async def test_the_slowness_of_a_service_is_not_that_of_the_client(slow: Platform) -> None:
    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.body += message["body"]
            if len(seen.body) < 500_000:
                await asyncio.sleep(SPAN / 2)
            if not message["more_body"]:
                break
        await answer(send)

    slow.service.behave = behave
    async with slow.client() as http:
        assert (await http.post("/predict", content=b"x" * 15_000_000)).status_code == 200
    assert len(slow.service.last.body) == 15_000_000


LIMIT = 3


@contextmanager
def begun_uploads(port: int, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            connection.sendall(head(UPLOAD, 1000) + b"x")
            opened.append(connection)
        yield opened


def post(platform: Platform, content: bytes = b"x") -> tuple[int, str]:
    got = platform.http.post("/predict", content=content)
    return got.status_code, got.headers.get("retry-after", "")


async def test_the_uploads_of_one_address(start: Start) -> None:
    """Those that are arriving count, and no others: neither requests without a body nor uploads that are processed."""
    platform = start(bodies_per_address=LIMIT)
    with begun_uploads(platform.port, LIMIT) as uploads:
        await until(lambda: len(platform.service.seen) == LIMIT)
        assert post(platform) == (429, "5")
        assert platform.http.get("/alive").status_code == 200
        uploads[0].sendall(b"x" * 999)
        assert uploads[0].recv(12) == b"HTTP/1.1 200"
        assert post(platform)[0] == 200
        with begun_uploads(platform.port, 1):
            await until(lambda: len(platform.service.seen) == LIMIT + 3)
            assert post(platform)[0] == 429
    await until(lambda: platform.gateway_requests() == 0)
    assert [post(platform)[0] for _ in range(LIMIT + 1)] == [200] * (LIMIT + 1)


async def test_another_address_has_its_own(start: Start) -> None:
    platform = start(bodies_per_address=LIMIT, trusted_proxies="127.0.0.0/8")
    with begun_uploads(platform.port, LIMIT):
        await until(lambda: len(platform.service.seen) == LIMIT)
        for address, status in (("192.0.2.1", 200), ("127.0.0.1", 429)):
            headers = {"X-Forwarded-For": address}
            assert platform.http.post("/predict", content=b"x", headers=headers).status_code == status


async def test_an_upload_that_is_processed_counts_no_more(start: Start) -> None:
    platform = start(bodies_per_address=LIMIT)
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            seen.body += message["body"]
            more = message["more_body"]
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        await answer(send)

    platform.service.behave = behave
    seen = platform.service.seen
    async with platform.client() as http:
        uploads = []
        for number in range(3 * LIMIT):
            uploads.append(asyncio.create_task(http.post("/predict", content=b"x" * 300_000)))
            await until(lambda: len(seen) > number and len(seen[number].body) == 300_000)  # noqa: B023 - used here
        go_on.set()
        assert {each.status_code for each in await asyncio.gather(*uploads)} == {200}
