"""A client for HTTP/1.1 (RFC 9112) on the parser `httptools`, with a pool of connections for each service.

The gateway has a request in the form in which it is sent, and forwards an answer as it is received, so most of what a
general client library does is unnecessary here. Compared with aiohttp's client, the gateway as a whole needs half of
the processor time for a request, and two thirds for an answer of one megabyte.

A connection carries one request at a time: `acquire` it from its pool, `send` the request, `read_head` and `read` the
answer, and `release` it. It is used again if the answer was read to its end and nothing followed it.
"""

import asyncio
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from gateway.headers import RawHeaders

CONNECT_SECONDS: Final = 2.0
KEEP_ALIVE_SECONDS: Final = 30.0  # services close idle connections after 75 seconds
READ_BYTES: Final = 256 * 1024
BUFFER_BYTES: Final = 128 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024


class UpstreamError(Exception):
    """The service's answer is not HTTP, or ended early."""


class ConnectError(UpstreamError):
    """There was no connection, so the service has not received the request."""


class ServerDisconnected(UpstreamError):
    """The connection was closed before the first byte of an answer."""


class ReadTimeout(UpstreamError):
    """The service has sent or accepted nothing for too long."""


class Connection(asyncio.BufferedProtocol):
    """One connection. `status`, `headers` and `complete` describe the answer to the latest request.

    `status` is 0 until the head of the answer was received.
    """

    def __init__(self, idle: list["Connection"], buffer: memoryview) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._input = buffer
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timeout = 0.0
        self._last_received_at = 0.0
        self._active = False
        self.closed = False
        self.idle_since = 0.0
        self._reset("")

    def _reset(self, method: str) -> None:
        self.status = 0
        self.headers: RawHeaders = []
        self.complete = False
        self._is_head = method == "HEAD"
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._header_bytes = 0
        self._received_any = False
        self._reading_paused = False
        self._has_framing = False
        self._reusable = True
        self._failure: UpstreamError | None = None

    # --- requests and answers

    def send(self, method: str, data: bytes) -> None:
        """Send the head of a request, or all of it."""
        self._reset(method)
        self._active = True
        self._transport.write(data)

    async def write(self, data: bytes, timeout: float) -> None:  # noqa: ASYNC109 - a timer only where one is needed
        """Send a chunk of the request's body, and wait while the send buffer is full.

        Raises `ReadTimeout` if it stays full for `timeout` seconds, and `UpstreamError` if the connection is closed.
        """
        if self.closed:
            raise self._failure or ServerDisconnected
        self._transport.write(data)
        if self._drained is not None:
            try:
                async with asyncio.timeout(timeout):
                    await self._drained
            except TimeoutError:
                self.fail(ReadTimeout())
                raise ReadTimeout from None

    def start_timeout(self, timeout: float) -> None:
        """Fail with `ReadTimeout` if `timeout` seconds pass without data. Call it after the request was sent."""
        self._timeout = timeout
        self._last_received_at = self._loop.time()
        self._timer = self._loop.call_later(timeout, self._check_silence)

    async def read_head(self) -> None:
        """Wait until `status` and `headers` are set.

        Raises `ServerDisconnected`, `ReadTimeout` or another `UpstreamError`, and the exception that `fail` was given.
        """
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read(self) -> bytes:
        """Return the next bytes of the answer's body, empty at its end. Raises like `read_head`."""
        while not self._chunks:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self.read_nowait()

    def read_nowait(self) -> bytes:
        """Return the bytes of the answer's body that were received and not read yet."""
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._buffered = 0
        if self._reading_paused:
            self._reading_paused = False
            self._last_received_at = self._loop.time()
            self._transport.resume_reading()
        return data

    def release(self, *, sent: bool) -> None:
        """Return the connection to its pool. It is closed unless the request was `sent` and the answer read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._active = False
        if sent and self.complete and self._reusable and not self._chunks and not self.closed:
            self.idle_since = self._loop.time()
            self._idle.append(self)
        else:
            self.close()

    def fail(self, error: UpstreamError) -> None:
        """Close the connection, and raise `error` in the task that waits for the answer."""
        if self._failure is None:
            self._failure = error
        self.close()
        self._wake_waiter()

    def close(self) -> None:
        """Close the connection without waiting for what is still to be sent."""
        self.closed = True
        self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake_waiter(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check_silence(self) -> None:
        silence = 0.0 if self._reading_paused else self._loop.time() - self._last_received_at
        if silence >= self._timeout:
            self.fail(ReadTimeout())
        else:
            self._timer = self._loop.call_later(self._timeout - silence, self._check_silence)

    # --- called by the event loop (asyncio.BufferedProtocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._input

    def buffer_updated(self, nbytes: int) -> None:
        if not self._active:
            self.close()  # data without a request: it could be taken for the answer to the next one
            return
        self._received_any = True
        self._last_received_at = self._loop.time()
        try:
            self._parser.feed_data(self._input[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(UpstreamError(f"not HTTP: {error}"))
        self._wake_waiter()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self in self._idle:
            self._idle.remove(self)
        if self._active and not self.complete:
            if self.status and not self._has_framing and exc is None:
                self.complete = True  # a body without a length ends with its connection
            elif self._failure is None:
                self._failure = (
                    UpstreamError("the answer broke off") if self._received_any else ServerDisconnected("no answer")
                )
        self.resume_writing()
        self._wake_waiter()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # --- called by the parser

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer, which need not be forwarded (RFC 9110 section 6.5.1)
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("the headers are too large")
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._has_framing = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise ValueError("an upgrade was not requested")
            self.headers = []
            return
        self.status = status
        self._reusable = self._parser.should_keep_alive()
        if self._is_head:
            # The parser would wait for the body that Content-Length announces, which the answer to HEAD does not have.
            self.complete = True
            self._parser = httptools.HttpResponseParser(self)

    def on_body(self, body: bytes) -> None:
        if self.complete:
            self._reusable = False  # a body in answer to HEAD
            return
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > BUFFER_BYTES and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status:
            self.complete = True


class Pool:
    """The connections to one service at `http://host:port`.

    The connection that was used last is taken first, so that the others reach their time limit and are closed.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or "127.0.0.1"
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._idle: list[Connection] = []
        # One buffer for all connections, since data are parsed before anything else is read into it.
        self._buffer = memoryview(bytearray(READ_BYTES))

    async def acquire(self) -> Connection:
        """Return an idle connection, or a new one. Raises `ConnectError` after `CONNECT_SECONDS` at most."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - KEEP_ALIVE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since < oldest:
                connection.close()
            elif not connection.closed:
                return connection
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._idle, self._buffer), self._host, self._port, ssl=self._tls or None
                )
        except (OSError, TimeoutError) as error:
            raise ConnectError(str(error) or type(error).__name__) from error
        return connection

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
