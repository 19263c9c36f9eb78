"""The HTTP server of the gateway: Granian, in this process and on this event loop.

Services are served by uvicorn; docs/decisions/0024-the-server.md says why the gateway is not. This module sets the
limits: the time for the head of a request, its size, how long a client may leave an answer unread, and the number of
connections.
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
"""The request line and headers together. A longer head is answered 431 and not read."""
STALLED_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 1.0

MAX_CONNECTIONS: Final = 10_000
_OTHER_DESCRIPTORS: Final = 128
# Without handlers of its own, Granian logs its errors through those of the root logger, like the gateway.
_LOG_CONFIG: Final = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}


def listen(host: str, port: int, *, stalled_seconds: float = STALLED_SECONDS) -> socket.socket:
    """Return a socket that listens on a port of `host`, an address or a name. If a name has several addresses, an IPv4
    address is preferred.

    On Linux a connection is closed if its client acknowledges no data for `stalled_seconds` (TCP_USER_TIMEOUT). Raises
    `OSError`, for instance if the port is in use.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    # Accepted connections inherit these options.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(stalled_seconds * 1000))
    return listener


def connection_limit() -> int:
    """Return how many clients may be connected at a time; further clients wait until their connection is accepted.

    A client may need two file descriptors, one of them for the connection to a service.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, (soft - _OTHER_DESCRIPTORS) // 2))


class _Granian(Server):
    """Granian on a given socket. The one that it would open has SO_REUSEPORT, so other processes could use its port."""

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
        holder: Any = SocketHolder  # the type that Granian passes between its processes
        backlog = (BACKLOG,) if sys.platform.startswith(("linux", "freebsd")) else ()
        self._shd = holder(self.listener.detach(), False, *backlog)


class HttpServer:
    """Serves one application: `start`, then `stop`; or `run` until a signal."""

    _app: ASGIApp

    def __init__(self, *, header_timeout: float) -> None:
        """`header_timeout`, in seconds, limits the time for the head of a request, and the idle time before it."""
        self._requests: set[asyncio.Task[object]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._granian = _Granian(self._answer, header_timeout)
        self._serving: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, listener: socket.socket) -> int:
        """Serve until SIGINT or SIGTERM, and return the signal's number. Raises `RuntimeError` if it ends before."""
        loop = asyncio.get_running_loop()
        signalled: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _set, signalled, number)
        serving = self.start(app, listener)
        try:
            await asyncio.wait((serving, signalled), return_when=asyncio.FIRST_COMPLETED)
            if not signalled.done():
                cause = None if serving.cancelled() else serving.exception()
                raise RuntimeError("The HTTP server ended by itself.") from cause
            await self.stop()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        return signalled.result()

    def start(self, app: ASGIApp, listener: socket.socket) -> asyncio.Task[None]:
        """Start accepting connections. Returns the task that serves them, at the end of which `listener` is closed."""
        self._app = app
        self._granian.listener = listener
        self._serving = asyncio.create_task(self._granian.serve())
        return self._serving

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Stop accepting connections, and cancel the requests that are not answered after `grace_seconds`.

        `FLUSH_SECONDS` are left for the last bytes of answers. Connections without a request are closed.
        """
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
        request_io = _DetachableRequest(receive, send)
        del receive, send
        request = cast("asyncio.Task[object]", asyncio.current_task())
        self._requests.add(request)
        self._idle.clear()
        try:
            await self._app(scope, request_io.receive, request_io.send)
        finally:
            request_io.detach()
            self._requests.discard(request)
            if not self._requests:
                self._idle.set()


class _DetachableRequest:
    """`receive` and `send` of a request, until `detach` is called.

    Granian frees a request, and closes the connection if the body was not read to its end, when nothing refers to its
    `receive` and `send` any more. A traceback refers to its frames, and so to both, until the garbage collector runs.
    With this object between them, the references end with the request.
    """

    __slots__ = ("_receive", "_send")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    def receive(self) -> Awaitable[Message]:
        return self._receive()

    def send(self, message: Message) -> Awaitable[None]:
        return self._send(message)

    def detach(self) -> None:
        del self._receive, self._send


def _set(future: "asyncio.Future[int]", number: int) -> None:
    if not future.done():
        future.set_result(number)
