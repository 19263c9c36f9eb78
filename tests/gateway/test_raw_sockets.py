"""Requests byte for byte: where they end, and what belongs to them (RFC 9112, RFC 9110)."""

import asyncio
import gc
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse

import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, answer, raw, until

PUBLIC = b"/api/models"
REQUIRED = b"/api/predictions"
HOST = b"Host: x\r\n"
CLOSE = b"Connection: close\r\n"
SMUGGLED = b"GET /alive HTTP/1.1\r\nHost: x\r\n\r\n"
NEXT = b"GET /api/models/next HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"


def statuses(received: bytes) -> list[bytes]:
    """The statuses of the answers on a connection, in their order."""
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def post(path: bytes, headers: bytes, body: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def chunked(path: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return post(path, headers + b"Transfer-Encoding: chunked\r\n", body)


WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
TLS = b"Connection: Upgrade\r\nUpgrade: TLS/1.2, unknown/1\r\n"


@pytest.mark.parametrize("upgrade", [WEBSOCKET, H2C, TLS])
async def test_an_upgrade_that_is_not_offered_is_a_request(platform: Platform, upgrade: bytes) -> None:
    """The body stays with its request, and is not read as the next one (RFC 9110 section 7.8)."""
    length = b"Content-Length: %d\r\n" % len(SMUGGLED)
    received = await raw(platform.port, post(PUBLIC, upgrade + length, SMUGGLED) + NEXT)
    assert statuses(received) == [b"200", b"200"]
    received = await raw(platform.port, chunked(PUBLIC, b"20\r\n" + SMUGGLED[:32] + b"\r\n0\r\n\r\n", upgrade) + NEXT)
    assert statuses(received) == [b"200", b"200"]
    assert [(seen.path, seen.body) for seen in platform.service.seen] == [
        (PUBLIC, SMUGGLED),
        (b"/api/models/next", b""),
        (PUBLIC, SMUGGLED[:32]),
        (b"/api/models/next", b""),
    ]
    assert not {"upgrade", "http2-settings", "connection"} & platform.service.seen[0].headers.keys()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_offers_http_2_and_its_body_arrives(platform: Platform) -> None:
    """Java's HttpClient sends such a request by default."""
    command = ["curl", "--silent", "--show-error", "--http2", "--max-time", "10", "--write-out", "%{http_code}"]
    done = subprocess.run(
        [*command, "--data", "username=ada&password=pw", f"{platform.gateway.url}/api/models"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("200")
    assert platform.service.last.body == b"username=ada&password=pw"


async def test_trailers_are_never_headers(platform: Platform) -> None:
    """RFC 9110 section 6.5.1."""
    token = platform.key.token().encode()
    trailers = (
        b"Authorization: Bearer " + token + b"\r\nX-Forwarded-For: 192.0.2.1\r\nX-API-Key: x\r\nHost: y\r\n"
        b"Cookie: a=b\r\nContent-Length: 7\r\nX-Request-ID: mine\r\n"
    )
    body = b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n"
    received = await raw(platform.port, chunked(PUBLIC, body, b"Trailer: Authorization\r\n") + NEXT)
    assert statuses(received) == [b"200", b"200"]
    assert b"x-request-id: mine" not in received
    first, after = platform.service.seen
    assert first.body == b"abc"
    for arrived in (first.headers, after.headers):
        assert (arrived["x-forwarded-for"], arrived["host"]) == ("127.0.0.1", "x")
        assert not {"authorization", "x-api-key", "cookie"} & arrived.keys()
    # A token in the trailers does not authenticate the request.
    received = await raw(platform.port, chunked(REQUIRED, body, CLOSE))
    assert statuses(received) == [b"401"]
    assert len(platform.service.seen) == 2


async def test_chunk_extensions_are_ignored(platform: Platform) -> None:
    """RFC 9112 section 7.1.1."""
    body = b'3;name=value;other="a;b"\r\nabc\r\n2 ; x\r\nde\r\n0;last\r\n\r\n'
    assert statuses(await raw(platform.port, chunked(PUBLIC, body) + NEXT)) == [b"200", b"200"]
    assert platform.service.seen[0].body == b"abcde"


async def test_a_chunk_that_is_none_is_a_bad_request(platform: Platform) -> None:
    for body in (
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
    ):
        received = await raw(platform.port, chunked(PUBLIC, body + SMUGGLED))
        assert statuses(received) == [b"400"], body[:20]
    assert platform.service.seen == []


@pytest.mark.parametrize(
    "rest", [b"defgh\r\n0\r\n\r\n", b"\r\nzz\r\n", b"\r\n0\r\nX : y\r\n\r\n"], ids=["too long", "no number", "trailer"]
)
async def test_a_body_that_goes_wrong_later_is_a_bad_request_too(platform: Platform, rest: bytes) -> None:
    """The service has received the beginning of the body, and never its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(chunked(PUBLIC, b"3\r\nabc"))
    await until(lambda: bool(platform.service.seen))
    writer.write(rest + SMUGGLED)
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert statuses(received) == [b"400"]
    await until(lambda: platform.service.last.disconnected)
    assert len(platform.service.seen) == 1


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"],
)
async def test_a_length_beside_chunks_does_not_count(platform: Platform, framing: bytes) -> None:
    """Nothing more is read from the connection (RFC 9112 section 6.1)."""
    received = await raw(platform.port, post(PUBLIC, framing, b"3\r\nabc\r\n0\r\n\r\n" + SMUGGLED))
    assert statuses(received) == [b"200"]
    (seen,) = platform.service.seen
    assert (seen.body, seen.headers.get("content-length")) == (b"abc", None)


MALFORMED = {
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\nabc",
    "signed length": b"Content-Length: +3\r\n\r\nabc",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "hexadecimal length": b"Content-Length: 0x3\r\n\r\nabc",
    "folded line": b"X-A: b\r\n c\r\n\r\n",
    "folded transfer coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare CR": b"X-A: b\rc\r\n\r\n",
    "NUL": b"X-A: b\0c\r\n\r\n",
    "space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "space in a name": b"X A: b\r\n\r\n",
    "bracket in a name": b"X(A): b\r\n\r\n",
    "no colon": b"X-A\r\n\r\n",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding after chunked": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": b"Transfer-Encoding: identity\r\n\r\nabc",
    "unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "second host": b"Host: y\r\n\r\n",
    "second host with a space": b"Host : y\r\n\r\n",
}


async def test_what_is_malformed_is_a_bad_request(platform: Platform) -> None:
    for name, rest in MALFORMED.items():
        received = await raw(platform.port, b"POST " + PUBLIC + b" HTTP/1.1\r\n" + HOST + CLOSE + rest + SMUGGLED)
        assert statuses(received) == [b"400"], name
    assert platform.service.seen == []


START_LINES = {
    "no host": b"GET /alive HTTP/1.1\r\n\r\n",
    "empty host": b"GET /alive HTTP/1.1\r\nHost:\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /alive HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the first header": b"GET /alive HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /alive\r\n\r\n",
    "an authority": b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    "lower case": b"get /alive HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"BREW /alive HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" /alive HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the path": b"GET /caf\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the query": "GET /alive?é HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "space in the path": b"GET /a live HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /alive FTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"x" * 200,
}
UNKNOWN_METHODS = {"an authority", "lower case", "unknown method"}


async def test_a_beginning_that_is_none_is_a_bad_request(platform: Platform) -> None:
    for name, request in START_LINES.items():
        before = len(platform.service.seen)
        received = await raw(platform.port, request + NEXT)
        # After a well-formed request the next one is read.
        refused = b"405" if name in UNKNOWN_METHODS else b"400"
        assert statuses(received) in ([refused], [refused, b"200"]), name
        assert {seen.path for seen in platform.service.seen[before:]} <= {b"/api/models/next"}, name


async def test_http_2_without_tls_is_not_spoken(platform: Platform) -> None:
    assert await raw(platform.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == b""
    assert platform.service.seen == []


async def test_requests_in_one_packet_are_answered_in_their_order(platform: Platform) -> None:
    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.body += message["body"]
            if not message["more_body"]:
                break
        await asyncio.sleep(0.1 if seen.path.endswith(b"/1") else 0)
        number = seen.path[-1:]
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": number + b";"})

    platform.service.behave = behave
    received = await raw(
        platform.port,
        b"GET /api/models/1 HTTP/1.1\r\n"
        + HOST
        + b"\r\n"
        + post(b"/api/models/2", b"Content-Length: 3\r\n", b"abc")
        + chunked(b"/api/models/3", b"3\r\ndef\r\n0\r\n\r\n")
        + b"HEAD /api/models/4 HTTP/1.1\r\n"
        + HOST
        + b"\r\nGET /nothing HTTP/1.1\r\n"
        + HOST
        + b"\r\nGET /api/models/5 HTTP/1.1\r\n"
        + HOST
        + CLOSE
        + b"\r\n",
    )
    assert statuses(received) == [b"200", b"200", b"200", b"200", b"404", b"200"]
    assert [received.count(b"%d;" % number) for number in range(1, 6)] == [1, 1, 1, 0, 1]
    assert [seen.body for seen in platform.service.seen] == [b"", b"abc", b"def", b"", b""]


@pytest.mark.parametrize("zeros", [1, 30, 5000])
async def test_a_length_may_begin_with_any_number_of_zeros(platform: Platform, zeros: int) -> None:
    """Python reads no number of more than 4,300 digits."""
    announced = b"Content-Length: " + b"0" * zeros + b"3\r\n"
    received = await raw(platform.port, post(PUBLIC, announced, b"abc") + NEXT)
    assert statuses(received) == [b"200", b"200"]
    assert [seen.body for seen in platform.service.seen] == [b"abc", b""]


@pytest.mark.parametrize("begun", [b"", b"some"], ids=["before the body", "within the body"])
@pytest.mark.parametrize("headers", [[(b"content-length", b"1000")], []], ids=["length", "chunks"])
async def test_an_answer_that_breaks_off_is_cut(
    platform: Platform, headers: list[tuple[bytes, bytes]], begun: bytes
) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": begun, "more_body": True})
        await asyncio.sleep(0.1)
        # uvicorn closes the connection when an application returns before the end of its answer

    platform.service.behave = behave
    received = await raw(platform.port, b"GET " + PUBLIC + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED)
    assert statuses(received) == [b"200"]
    head, _, body = received.partition(b"\r\n\r\n")
    if headers:
        assert b"content-length: 1000" in head
        assert body == begun
    else:
        assert b"transfer-encoding: chunked" in head
        assert not body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("length", [True, False])
def test_an_early_refusal_reaches_a_client_that_still_sends(platform: Platform, length: bool) -> None:
    """RFC 9112 section 9.6. The body is larger than all buffers between the client and the gateway."""
    megabyte = b"x" * 2**20
    framing = b"Content-Length: %d\r\n" % (22 * 2**20) if length else b"Transfer-Encoding: chunked\r\n"
    with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
        connection.sendall(post(PUBLIC, framing, b""))
        with suppress(ConnectionError):  # the gateway may close the connection before it has read the body
            for _ in range(22):
                connection.sendall(megabyte if length else b"100000\r\n" + megabyte + b"\r\n")
        with HTTPResponse(connection) as response:
            response.begin()
            assert (response.status, response.getheader("connection")) == (413, "close")
            assert json.loads(response.read())["type"] == "/problems/too-large"


@pytest.mark.parametrize("pause", [0.0, 0.1], ids=["with the head", "after the head"])
async def test_a_refusal_of_a_small_body_keeps_the_connection(platform: Platform, pause: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(post(REQUIRED, b"Content-Length: %d\r\n" % len(SMUGGLED), b""))
    await asyncio.sleep(pause)
    writer.write(SMUGGLED + NEXT)
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert statuses(received) == [b"401", b"200"]
    assert [seen.path for seen in platform.service.seen] == [b"/api/models/next"]


async def test_a_small_body_that_never_comes_holds_up_nothing(platform: Platform) -> None:
    received = await raw(platform.port, post(REQUIRED, b"Content-Length: 33\r\n", b"abc"))
    assert statuses(received) == [b"401"]
    assert b"connection: close" in received


async def test_permission_to_go_on(platform: Platform) -> None:
    """`100 Continue` comes when the body is wanted, and never before a refusal (RFC 9110 section 10.1.1)."""
    expect = b"Expect: 100-continue\r\nContent-Length: 3\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(post(PUBLIC, expect, b""))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc" + NEXT)
    assert statuses(await asyncio.wait_for(reader.read(), 5)) == [b"200", b"200"]
    writer.close()
    for _ in range(20):
        received = await raw(platform.port, post(REQUIRED, expect, b"abc"))
        assert statuses(received) == [b"401"]
        assert b"connection: close" in received


async def test_head_has_no_body(platform: Platform) -> None:
    for path in (b"/healthz", PUBLIC, b"/nothing", REQUIRED):
        received = await raw(platform.port, b"HEAD " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT)
        first, second, body = received.split(b"\r\n\r\n")
        assert (first[9:12], second[9:12], body) == (first[9:12], b"200", b'{"ok":true}')
        assert b"content-length: 0" not in first


async def test_http_1_0(platform: Platform) -> None:
    """Health checks of load balancers are like this: without Host, and answered until the connection is closed."""
    received = await raw(platform.port, b"GET /alive HTTP/1.0\r\n\r\n" + SMUGGLED)
    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert received.endswith(b'\r\n\r\n{"ok":true}')
    assert len(platform.service.seen) == 1


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """The time between two runs of the collector, which can be minutes in a process that allocates little."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("refusal", [b"401", b"403", b"413", b"413 later"])
async def test_a_body_that_nothing_reads_ends_its_connection(platform: Platform, refusal: bytes) -> None:
    """The rest of a body is not awaited after the answer of the gateway or of the service, early or late."""

    async def behave(_seen: Seen, receive: Receive, send: Send) -> None:
        if refusal == b"413 later":
            while (await receive())["type"] != "http.disconnect":
                pass
        await answer(send, b"no", 403)

    platform.service.behave = behave
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    begun = b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"
    match refusal:
        case b"401":
            writer.write(post(REQUIRED, b"Content-Length: 50000\r\n", b"x" * 10_000))
        case b"403":
            writer.write(post(PUBLIC, b"Content-Length: 50000\r\n", b"x" * 10_000))
        case b"413":
            writer.write(post(PUBLIC, b"Content-Length: 99999\r\n", b"x" * 10_000))
        case _:
            writer.write(chunked(PUBLIC, begun))
            await until(lambda: bool(platform.service.seen))
            writer.write(begun)
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert statuses(received) == [refusal[:3]]
