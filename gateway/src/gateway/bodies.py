"""The body of a request: a small one is read at once, a larger one is streamed to the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive

from gateway.request_state import RequestState
from lightbox_shared.errors import BadRequest, LightboxError, TooLarge

IDLE_SECONDS: Final = 60.0
SMALL_BYTES: Final = 64 * 1024
DRAINED_BYTES: Final = 32 * 1024 * 1024
DRAIN_SECONDS: Final = 10.0
DRAIN_IDLE_SECONDS: Final = 0.5


class ClientDisconnected(BadRequest):
    """The client disconnected before the end of its body, or the body is not well-formed.

    The web server reports both in the same way. If the client has disconnected, the answer is lost.
    """

    default_detail = "The body ended early, or is not well-formed."


class RequestTimeout(LightboxError):
    """For `IDLE_SECONDS` the client has sent nothing of its body (RFC 9110 section 15.5.9), or read nothing of the
    answer."""

    status = 408
    code = "request-timeout"
    default_detail = f"The connection stood still for {IDLE_SECONDS:.0f} seconds."


async def _receive_chunk(receive: Receive) -> Message:
    """Return the next message of a body. Raises `RequestTimeout` and `ClientDisconnected`."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
    except TimeoutError:
        raise RequestTimeout from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    return message


class StreamedBody:
    """A body that is read while it is sent to the service. It can be iterated over once.

    `finished` is set when the end was read. `failure` is the exception that ended the iteration early, if any:
    `TooLarge` beyond `max_body` bytes, `RequestTimeout`, or `ClientDisconnected`.
    """

    def __init__(self, first: bytes, receive: Receive, max_body: int, *, has_length: bool) -> None:
        self._first = first
        self._receive = receive
        self._max_body = max_body
        self.has_length = has_length
        self.finished = asyncio.Event()
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks():
                yield chunk
        except LightboxError as failure:
            self.failure = failure
            raise
        self.finished.set()

    async def _chunks(self) -> AsyncIterator[bytes]:
        size = len(self._first)
        if self._first:
            yield self._first
        while True:
            message = await _receive_chunk(self._receive)
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise too_large(self._max_body)
            if chunk:
                yield chunk
            if not message.get("more_body"):
                return


Body = bytes | StreamedBody | None


async def open_body(request: RequestState, max_body: int) -> Body:
    """Return the body of a request: bytes if it arrived in one piece, and None if there is none.

    Raises `TooLarge` if the first piece, or the length that the headers announce, is more than `max_body` bytes. Of a
    body whose announced length is too large nothing is read. Raises `RequestTimeout` and `ClientDisconnected`.
    """
    own = request.headers.own
    announced = own.get(b"content-length")
    if announced is None:
        if b"transfer-encoding" not in own:
            return None
    elif int(announced) > max_body:
        raise too_large(max_body)
    message = await _receive_chunk(request.receive)
    first: bytes = message.get("body", b"")
    if len(first) > max_body:
        raise too_large(max_body)
    whole = announced is not None and len(first) == int(announced)
    if whole:
        request.body_unread = False  # the server reports more, because it has not looked for the end yet
    if request.body_unread:
        return StreamedBody(first, request.receive, max_body, has_length=announced is not None)
    return first


def too_large(max_body: int) -> TooLarge:
    """The error 413 Content Too Large, with the limit in bytes."""
    return TooLarge(f"The body is larger than the {max_body:,} bytes that are accepted here.")


async def respond_early(request: RequestState, response: Response) -> None:
    """Send an answer before the end of the request's body was read.

    A connection that is closed while it has unread data is reset, and a client that is still sending may not get the
    answer (RFC 9112 section 9.6). Therefore a small body is read before the answer, and a part of a large one after it.
    """
    own = request.headers.own
    if any(name == b"expect" for name, _ in request.scope["headers"]):
        await request.respond(response, close=True)  # the client waits with its body (RFC 9110 section 10.1.1)
    elif b"content-length" in own and int(own[b"content-length"]) <= SMALL_BYTES:
        await _drain(request)
        await request.respond(response, close=request.body_unread)
    else:
        # The server stops reading when the answer is complete. Without a Content-Length, the last message completes it.
        del response.headers["content-length"]
        await request.respond(response, close=True, more=True)
        await _drain(request)
        await request.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(request: RequestState) -> None:
    """Read and discard the rest of a body, up to `DRAINED_BYTES`, while the client keeps sending."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while request.body_unread and size < DRAINED_BYTES:
                async with asyncio.timeout(DRAIN_IDLE_SECONDS):
                    size += len((await request.receive()).get("body", b""))


class DisconnectWatcher:
    """Cancels the current task, which answers a request, when the client disconnects.

    It begins `START_AFTER_SECONDS` after `start`, since a further task for every short request would be expensive.
    """

    __slots__ = ("_disconnected", "_loop", "_receive", "_task", "_timer", "_watcher")

    START_AFTER_SECONDS: Final = 0.05

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._disconnected = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def start(self, body: Body) -> None:
        """Watch the connection after the end of `body`. Before it, reading the body finds out about a disconnect."""
        self._timer = self._loop.call_later(self.START_AFTER_SECONDS, self._start_watching, body)

    def stop(self) -> None:
        """Stop watching. It may be called more than once, and before `start`."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def absorb_cancellation(self) -> bool:
        """Whether a `CancelledError` that was caught is due to a disconnect alone. The task is then uncancelled, and
        the exception must not be raised again."""
        return self._disconnected and self._task is not None and self._task.uncancel() == 0

    def _start_watching(self, body: Body) -> None:
        self._watcher = self._loop.create_task(self._watch(body))

    async def _watch(self, body: Body) -> None:
        if isinstance(body, StreamedBody):
            await body.finished.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        if self._task is not None:
            self._task.cancel()
