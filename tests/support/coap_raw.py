"""CoAP by hand: messages as bytes over a socket, so that a test sees types, message ids and tokens, and can send what
no library would."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, TypeVar

from aiocoap import Message
from aiocoap.numbers.codes import EMPTY
from anyio import to_thread

from support.coap import HOST

T = TypeVar("T")

CON, NON, ACK, RST = range(4)
GET, POST, PUT, DELETE = 1, 2, 3, 4
URI_HOST, ETAG, OBSERVE, URI_PORT, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY = 3, 4, 6, 7, 11, 12, 14, 15
ACCEPT, BLOCK2, BLOCK1, SIZE2, SIZE1 = 17, 23, 27, 28, 60

Options = Sequence[tuple[int, bytes]]
QUIET_SECONDS: Final = 0.3


def extended(value: int) -> tuple[int, bytes]:
    """The nibble and the following bytes of a delta or a length (RFC 7252 section 3.1)."""
    if value < 13:
        return value, b""
    return (13, (value - 13).to_bytes(1)) if value < 269 else (14, (value - 269).to_bytes(2))


def written(options: Options) -> bytes:
    """The options of a message, in the order of their numbers."""
    data, last = b"", 0
    for number, value in sorted(options, key=lambda each: each[0]):
        (delta, more_delta), (length, more_length) = extended(number - last), extended(len(value))
        data += bytes((delta << 4 | length,)) + more_delta + more_length + value
        last = number
    return data


def at(path: str, *query: str) -> list[tuple[int, bytes]]:
    """The options that name a resource."""
    segments = [(URI_PATH, each.encode()) for each in path.strip("/").split("/")]
    return segments + [(URI_QUERY, each.encode()) for each in query]


@dataclass
class RawClient:
    """One socket. To be used in a thread."""

    port: int
    own: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    last_mid: int = 100

    def __enter__(self) -> Self:
        self.own.settimeout(10)
        self.own.connect((HOST, self.port))
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.own.close()

    def send(
        self, kind: int, code: int, options: Options = (), payload: bytes = b"", *, token: bytes = b"", mid: int = -1
    ) -> int:
        """Send a message, and return its id."""
        if mid < 0:
            self.last_mid += 1
            mid = self.last_mid
        head = bytes((0x40 | kind << 4 | len(token), code)) + mid.to_bytes(2) + token
        self.own.send(head + written(options) + (b"\xff" + payload if payload else b""))
        return mid

    def receive(self) -> Message:
        """The next message."""
        return Message.decode(self.own.recv(4096))

    def is_quiet(self) -> bool:
        """Whether nothing arrives for a moment."""
        self.own.settimeout(QUIET_SECONDS)
        try:
            self.own.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.own.settimeout(10)
        return False

    def ask(
        self, code: int, options: Options = (), payload: bytes = b"", *, token: bytes = b"", kind: int = CON
    ) -> Message:
        """Send a request and return the response, which has to fit: on the acknowledgement of a confirmable one or,
        like that of others, as a message of its own, which is acknowledged."""
        mid = self.send(kind, code, options, payload, token=token)
        answer = self.receive()
        if kind == CON and answer.code is EMPTY:
            assert (int(answer.mtype), answer.mid, answer.token) == (ACK, mid, b"")
            answer = self.receive()
            assert int(answer.mtype) in {CON, NON}
        elif kind == CON:
            assert (int(answer.mtype), answer.mid) == (ACK, mid)
        assert answer.token == token
        if int(answer.mtype) == CON:
            self.send(ACK, 0, mid=answer.mid)
        return answer


async def by_hand(port: int, work: Callable[[RawClient], T]) -> T:
    """Run `work` with a client, in a thread."""

    def run() -> T:
        with RawClient(port) as client:
            return work(client)

    return await to_thread.run_sync(run)
