"""A service's early answer reaches a client that is still sending (RFC 9112 section 9.6), also without the gateway."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel
from support.gateway import Server
from support.kit import MakeApp

from lightbox_shared.errors import LightboxError, TooLarge, Unavailable, UnsupportedMediaType
from lightbox_shared.requests.bodies import Upload, file_upload, form_or_json

MB = 2**20
SIZE = 20 * MB
PIECE = b"x" * (MB // 4)
CONNECTIONS = {
    "keep-alive": (b"1.1", b""),
    "close": (b"1.1", b"Connection: close\r\n"),
    "HTTP/1.0": (b"1.0", b""),
    "HTTP/1.0 keep-alive": (b"1.0", b"Connection: keep-alive\r\n"),
}
ERRORS: dict[str, Callable[[], LightboxError]] = {
    "too-large": TooLarge,
    "media-type": partial(UnsupportedMediaType, headers={"Connection": "close"}),
    "busy": Unavailable,
}
router = APIRouter()


class Fields(BaseModel):
    """Nothing that is sent here fits."""

    name: str


@router.post("/before/{kind}")
async def refuse_before(kind: str) -> None:
    error = ERRORS[kind]()
    raise error


@router.post("/within/{kind}")
async def refuse_within(kind: str, request: Request) -> None:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MB:
            error = ERRORS[kind]()
            raise error


@router.post("/form")
async def read_form(_body: Annotated[Fields, form_or_json(Fields)]) -> None:
    """Refuses the length that is announced, or the bytes above the limit."""


@router.post("/file")
async def read_file(_sent: Annotated[Upload[Fields], file_upload(Fields, file="image")]) -> None:
    """Refuses a body that is no form."""


@pytest.fixture
def server(make_app: MakeApp) -> Iterator[Server]:
    started = Server(make_app(router))
    yield started
    started.stop()


def sent_whole(server: Server, path: str, connection: str, *, chunked: bool, size: int = SIZE) -> bytes:
    """Send all of a request, and look for the answer afterwards. Raises `ConnectionError` if it was reset."""
    version, header = CONNECTIONS[connection]
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    kind = b"Content-Type: application/json"
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
        client.sendall(
            b"POST %b HTTP/%b\r\nHost: x\r\n%b%b\r\n%b\r\n\r\n" % (path.encode(), version, header, kind, framing)
        )
        for _ in range(size // len(PIECE)):
            client.sendall(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
        if chunked:
            client.sendall(b"0\r\n\r\n")
        received = b""
        while b"}" not in received:
            more = client.recv(65536)
            assert more, received
            received += more
        return received


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/before/too-large", b"413"),
        ("/before/media-type", b"415"),
        ("/before/busy", b"503"),
        ("/within/too-large", b"413"),
        ("/within/busy", b"503"),
        ("/form", b"413"),
        ("/file", b"422"),
        ("/nowhere", b"404"),
    ],
)
def test_an_early_refusal(server: Server, path: str, status: bytes, chunked: bool, connection: str) -> None:
    if chunked and "1.0" in connection:
        pytest.skip("HTTP/1.0 has no chunks")
    received = sent_whole(server, path, connection, chunked=chunked)
    assert received.split(b" ", 2)[1] == status
    assert status in received.partition(b"\r\n\r\n")[2]  # the whole of it, whose body repeats the status


def test_no_permission_to_go_on_before_a_refusal(server: Server) -> None:
    """RFC 9110 section 10.1.1. Reading the body would give it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
        head = b"Host: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n"
        client.sendall(b"POST /before/too-large HTTP/1.1\r\n" + head)
        received = b""
        while more := client.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in received


def test_a_client_that_goes_on_for_ever_is_left(server: Server) -> None:
    """It has its answer at once, and some time."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
        client.sendall(
            b"POST /before/busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\nx"
        )
        received = b""
        while more := client.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 503 ")
    assert received.endswith(b"}")
