"""Connections to a service: HTTP/1.1 (RFC 9112) as bytes, on the parser that our own server uses.

A gateway neither needs nor wants what a client library does: it knows the request already in the form in which it is
sent, and the answer may stay as it came. Measured against aiohttp's client, the gateway as a whole needs half of the
processor's time for a request, and two thirds for a megabyte of answer.

One connection carries one request at a time; whoever takes it sends a request, awaits `head`, and `read`s. Then it
goes back to its pool, if the answer was read to its end and nothing came after it.
"""

import asyncio
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from gateway.headers import RawHeaders

CONNECT_SECONDS: Final = 2.0
KEEP_ALIVE_SECONDS: Final = 30.0  # the services keep theirs for 75
READ_BYTES: Final = 256 * 1024
BUFFER_BYTES: Final = 128 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024


class UpstreamError(Exception):
    """The service does not speak HTTP, or broke off in the middle of its answer."""


class ConnectError(UpstreamError):
    """No connection: the service has not seen the request."""


class ServerDisconnected(UpstreamError):
    """The connection ended before the first byte of an answer."""


class ReadTimeout(UpstreamError):
    """The service has said nothing for too long."""


class Connection(asyncio.BufferedProtocol):
    """One connection. `status`, `headers` and `complete` are about the answer to the latest request."""

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
        self._heard_at = 0.0
        self._active = False
        self.closed = False
        self.idle_since = 0.0
        self._begin("")

    def _begin(self, method: str) -> None:
        self.status = 0
        self.headers: RawHeaders = []
        self.complete = False
        self._bodiless = method == "HEAD"
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._header_bytes = 0
        self._heard = False
        self._reading_paused = False
        self._framed = False
        self._reusable = True
        self._failure: UpstreamError | None = None

    # --- for whoever sends a request

    def send(self, method: str, data: bytes) -> None:
        """Begin a request with its head, and with its body where that is at hand."""
        self._begin(method)
        self._active = True
        self._transport.write(data)

    async def write(self, data: bytes, timeout: float) -> None:  # noqa: ASYNC109 - a timer only where one is needed
        """Send a piece of the body, and wait while the service does not keep up. Raises `UpstreamError`, which is
        `ReadTimeout` after `timeout` seconds without progress."""
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

    def expect(self, timeout: float) -> None:
        """Start the clock: the request was sent, and silence of `timeout` seconds is a failure from now on."""
        self._timeout = timeout
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(timeout, self._check_silence)

    async def head(self) -> None:
        """Wait for `status` and `headers`. Raises `UpstreamError` (`ServerDisconnected`, `ReadTimeout`), or what `fail`
        was given."""
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self._wait()

    async def read(self) -> bytes:
        """What has arrived of the body; empty at its end. Raises like `head`."""
        while not self._chunks:
            if self.complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self.take()

    def take(self) -> bytes:
        """What has arrived of the body and was not read yet."""
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._buffered = 0
        if self._reading_paused:
            self._reading_paused = False
            self._heard_at = self._loop.time()
            self._transport.resume_reading()
        return data

    def release(self, *, sent: bool) -> None:
        """Give it back. Only a connection that holds nothing more, of the request or of its answer, serves again."""
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
        """End it, and raise `error` for whoever waits."""
        if self._failure is None:
            self._failure = error
        self.close()
        self._wake()

    def close(self) -> None:
        """End it at once."""
        self.closed = True
        self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check_silence(self) -> None:
        silence = 0.0 if self._reading_paused else self._loop.time() - self._heard_at
        if silence >= self._timeout:
            self.fail(ReadTimeout())
        else:
            self._timer = self._loop.call_later(self._timeout - silence, self._check_silence)

    # --- for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._input

    def buffer_updated(self, nbytes: int) -> None:
        if not self._active:
            self.close()  # an answer to nothing: whatever comes next can't be trusted either
            return
        self._heard = True
        self._heard_at = self._loop.time()
        try:
            self._parser.feed_data(self._input[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(UpstreamError(f"not HTTP: {error}"))
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self in self._idle:
            self._idle.remove(self)
        if self._active and not self.complete:
            if self.status and not self._framed and exc is None:
                self.complete = True  # a body without a length ends with its connection
            elif self._failure is None:
                self._failure = (
                    UpstreamError("the answer broke off") if self._heard else ServerDisconnected("no answer")
                )
        self.resume_writing()
        self._wake()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # --- for the parser

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer, which needs not be passed on (RFC 9110 section 6.5.1)
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("more header than we read")
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                raise ValueError("nobody has asked for an upgrade")
            self.headers = []
            return
        self.status = status
        self._reusable = self._parser.should_keep_alive()
        if self._bodiless:
            # The parser waits for the body that the length announces; there is none.
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
    """The connections to one service; the one that was used last is taken first, so that the others can grow old."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or "127.0.0.1"
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._idle: list[Connection] = []
        # One for all connections, since what is read is parsed before anything else is read.
        self._buffer = memoryview(bytearray(READ_BYTES))

    async def take(self) -> Connection:
        """A connection, a new one where none is idle. Raises `ConnectError`."""
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
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()
