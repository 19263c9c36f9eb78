"""Serves the gateway: Granian, whose HTTP is hyper's, in this process and on this event loop.

The services behind the gateway are served by uvicorn; docs/decisions/0024-the-server.md says why the gateway is not.
What an HTTP server has to bound is bounded here: the time for a request head, its size, how long a client may leave
an answer unread, and the number of connections.
"""

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server.embed import Server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

BACKLOG: Final = 1024
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of request line and headers together; a longer head is answered 431 and not read."""
STALLED_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 1.0

MAX_CONNECTIONS: Final = 10_000
_OTHER_DESCRIPTORS: Final = 128
# Granian's own handlers would write lines that are not ours; without one its errors go where all our lines go.
_LOG_CONFIG: Final = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}


def listen(host: str, port: int, *, stalled_seconds: float = STALLED_SECONDS) -> socket.socket:
    """A socket that accepts connections at an address or a host's name; of several addresses of a name, an IPv4 one.
    A connection ends when its client has not taken what was sent to it for `stalled_seconds` (Linux).
    Raises `OSError`, when the port is in use for instance."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    # Connections inherit both.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(stalled_seconds * 1000))
    return listener


def connection_limit() -> int:
    """How many clients may be connected at a time: each may need a second descriptor, for the connection to a service.
    Others wait until the system accepts their connection."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, (soft - _OTHER_DESCRIPTORS) // 2))


class _Granian(Server):
    """Granian on a socket that is there already: its own would share the port with whichever process asks for it."""

    listener: socket.socket

    def __init__(self, app: ASGIApp, header_timeout: float) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=connection_limit(),
            http1_settings=HTTP1Settings(
                header_read_timeout=round(header_timeout * 1000), max_buffer_size=MAX_HEAD_BYTES
            ),
            log_level=LogLevels.error,
            log_dictconfig=_LOG_CONFIG,
        )

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder  # what Granian itself hands from one process to another
        backlog = (BACKLOG,) if sys.platform.startswith(("linux", "freebsd")) else ()
        self._shd = holder(self.listener.detach(), False, *backlog)


class HttpServer:
    """Serves one application: `start`, then `stop`; or `run` until a signal."""

    _app: ASGIApp

    def __init__(self, *, header_timeout: float) -> None:
        """`header_timeout` is in seconds: for a request head, and for the silence before it."""
        self._requests: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._granian = _Granian(self._answer, header_timeout)
        self._serving: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, listener: socket.socket) -> int:
        """Serve until SIGINT or SIGTERM, and return which. Raises `RuntimeError` when the server ends by itself."""
        loop = asyncio.get_running_loop()
        signalled: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _set, signalled, number)
        serving = self.start(app, listener)
        try:
            await asyncio.wait((serving, signalled), return_when=asyncio.FIRST_COMPLETED)
            if not signalled.done():
                raise RuntimeError("The HTTP server ended by itself.")
            await self.stop()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        return signalled.result()

    def start(self, app: ASGIApp, listener: socket.socket) -> asyncio.Task[None]:
        """Accept connections, until the task that is returned ends; it closes `listener`."""
        self._app = app
        self._granian.listener = listener
        self._serving = asyncio.create_task(self._granian.serve())
        return self._serving

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Accept nothing more, give requests under way so much time, and their last bytes `FLUSH_SECONDS`. Connections
        without a request are not waited for."""
        self._granian.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        if self._requests:
            log.warning("requests broken off", requests=len(self._requests))
            for request in self._requests:
                request.cancel()
            await self._idle.wait()
        if self._serving is not None:
            await asyncio.wait((self._serving,), timeout=FLUSH_SECONDS)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel = _Channel(receive, send)
        del receive, send
        request = cast("asyncio.Task[object]", asyncio.current_task())
        self._requests.add(request)
        self._idle.clear()
        try:
            await self._app(scope, channel.receive, channel.send)
        finally:
            channel.cut()
            self._requests.discard(request)
            if not self._requests:
                self._idle.set()


class _Channel:
    """The two ends of a request, which can be cut from whatever still refers to them.

    Granian gives a request's body up, and ends its connection where the body was not read to its end, once nothing
    refers to the request any more. An exception keeps the frames that it came through until the garbage collector
    finds it, and with them the connection.
    """

    __slots__ = ("_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    def receive(self) -> Awaitable[Message]:
        return self._receive()

    def send(self, message: Message) -> Awaitable[None]:
        return self._send(message)

    def cut(self) -> None:
        del self._receive, self._send


def _set(future: "asyncio.Future[int]", number: int) -> None:
    if not future.done():
        future.set_result(number)
