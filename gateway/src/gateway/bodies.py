"""The body of a request: a small one is read at once, a larger one is streamed to the service.

Bodies have to arrive at a minimum rate (`lightbox_shared.requests.data_rate`), and only so many of one address may be
arriving at a time: however many clients send slowly, the connections and the memory of services are for others too.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive

from gateway.request_state import RequestState
from lightbox_shared.errors import BadRequest, LightboxError, TooLarge, TooManyRequests
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.requests.addresses import partition
from lightbox_shared.requests.content_length import content_length
from lightbox_shared.requests.data_rate import MinimumDataRate, PacedBody
from lightbox_shared.requests.lingering import DRAIN_SECONDS, DRAIN_SLOW_SECONDS, drain

IDLE_SECONDS: Final = 60.0
SMALL_BYTES: Final = 64 * 1024
RETRY_AFTER_SECONDS: Final = 5


class ClientDisconnected(BadRequest):
    """The client disconnected before the end of its body, or the body is not well-formed.

    The web server reports both in the same way. If the client has disconnected, the answer is lost.
    """

    default_detail = "The body ended early, or is not well-formed."


class RequestTimeout(LightboxError):
    """The client has sent its body below the minimum rate (RFC 9110 section 15.5.9), or for `IDLE_SECONDS` it has read
    nothing of the answer."""

    status = 408
    code = "request-timeout"
    default_detail = f"The connection stood still for {IDLE_SECONDS:.0f} seconds."


class TooManyUploads(TooManyRequests):
    """As many bodies as are accepted from one address are arriving."""

    code = "too-many-uploads"
    default_detail = "Too many uploads of your address are under way."


class ArrivingBodies:
    """The bodies that are arriving: how fast they have to be, and at most `per_address` of one address at a time."""

    def __init__(self, rate: MinimumDataRate, per_address: int) -> None:
        self.rate = rate
        self._per_address = per_address
        self._count: Counter[str] = Counter()

    def begin(self, address: str) -> "Arrival":
        """Count a body of a client at this address until `Arrival.end`. Raises `TooManyUploads`."""
        counted_as = partition(address)
        if self._count[counted_as] >= self._per_address:
            raise TooManyUploads(retry_after=RETRY_AFTER_SECONDS)
        self._count[counted_as] += 1
        return Arrival(self._count, counted_as)


class Arrival:
    """A body that is arriving."""

    __slots__ = ("_counted_as", "_counts", "_is_over")

    def __init__(self, counts: Counter[str], counted_as: str) -> None:
        self._counts = counts
        self._counted_as = counted_as
        self._is_over = False

    def end(self) -> None:
        """The body has arrived, or its request has ended. A second call does nothing."""
        if self._is_over:
            return
        self._is_over = True
        self._counts[self._counted_as] -= 1
        if not self._counts[self._counted_as]:
            del self._counts[self._counted_as]


async def _receive_chunk(body: PacedBody, rate: MinimumDataRate) -> Message:
    """Return the next message of a body. Raises `RequestTimeout` and `ClientDisconnected`."""
    try:
        message = await body.receive()
    except TimeoutError:
        detail = f"The body came too slowly: too little of it, or nothing, in {rate.seconds:g} seconds."
        raise RequestTimeout(detail) from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    return message


class StreamedBody:
    """A body that is read while it is sent to the service. It can be iterated over once.

    `finished` is set when the end was read. `failure` is the exception that ended the iteration early, if any:
    `TooLarge` beyond `max_body` bytes, `RequestTimeout`, or `ClientDisconnected`.
    """

    def __init__(
        self,
        request: RequestState,
        first: bytes,
        rest: PacedBody,
        *,
        rate: MinimumDataRate,
        max_body: int,
        length: int | None,
        arrival: Arrival,
    ) -> None:
        """`first` was received already. `length` is the announced number of bytes, if there is one."""
        self._request = request
        self._first = first
        self._rest = rest
        self._rate = rate
        self._max_body = max_body
        self._length = length
        self._arrival = arrival
        self.finished = asyncio.Event()
        self.failure: Exception | None = None

    @property
    def has_length(self) -> bool:
        """Whether the client has announced the length."""
        return self._length is not None

    def close(self) -> None:
        """The body counts as arriving no longer. It need not have been read."""
        self._arrival.end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks():
                yield chunk
        except LightboxError as failure:
            self.failure = failure
            raise
        finally:
            self.close()

    async def _chunks(self) -> AsyncIterator[bytes]:
        size, chunk, more = 0, self._first, True
        while True:
            size += len(chunk)
            if size > self._max_body:
                raise too_large(self._max_body)
            if not more or size == self._length:
                # Before the last bytes are passed on: the service may answer before anything else is done here.
                self._request.body_unread = False
                self.finished.set()
                self.close()
                if chunk:
                    yield chunk
                return
            if chunk:
                yield chunk
            message = await _receive_chunk(self._rest, self._rate)
            chunk, more = message.get("body", b""), message.get("more_body", False)


Body = bytes | StreamedBody | None


async def open_body(request: RequestState, max_body: int, arriving: ArrivingBodies) -> Body:
    """Return the body of a request: bytes if it arrived in one piece, and None if there is none.

    Raises `TooLarge` if the first piece, or the length that the headers announce, is more than `max_body` bytes, and
    `TooManyUploads`. Of a body whose announced length is too large, or that is one too many, nothing is read. Raises
    `RequestTimeout` and `ClientDisconnected`.
    """
    own = request.headers.own
    length = content_length(own.get(b"content-length"))
    if length is None:
        if b"transfer-encoding" not in own:
            return None
    elif length > max_body:
        raise too_large(max_body)
    arrival = arriving.begin(request.client.address)
    streamed = False
    try:
        rest = PacedBody(request.receive, arriving.rate, length)
        message = await _receive_chunk(rest, arriving.rate)
        first: bytes = message.get("body", b"")
        if len(first) > max_body:
            raise too_large(max_body)
        if length is not None and len(first) == length:
            request.body_unread = False  # the server reports more, because it has not looked for the end yet
        streamed = request.body_unread
        if not streamed:
            return first
        return StreamedBody(request, first, rest, rate=arriving.rate, max_body=max_body, length=length, arrival=arrival)
    finally:
        if not streamed:
            arrival.end()


def too_large(max_body: int) -> TooLarge:
    """The error 413 Content Too Large, with the limit in bytes."""
    sentence = f"The body is larger than the {max_body:,} bytes that are accepted here."
    return TooLarge(Sentence("body-too-large", sentence, bytes=max_body))


async def respond_early(request: RequestState, response: Response, *, too_slow: bool = False) -> None:
    """Send an answer before the end of the request's body was read.

    A connection that is closed while it has unread data is reset, and a client that is still sending may not get the
    answer (RFC 9112 section 9.6). Therefore a small body is read before the answer, and a part of a large one after it;
    little of one that is `too_slow`.
    """
    own = request.headers.own
    if any(name == b"expect" for name, _ in request.scope["headers"]):
        await request.respond(response, close=True)  # the client waits with its body (RFC 9110 section 10.1.1)
    elif not too_slow and (length := content_length(own.get(b"content-length"))) is not None and length <= SMALL_BYTES:
        await drain(request.receive)
        await request.respond(response, close=request.body_unread)
    else:
        # The server stops reading when the answer is complete. Without a Content-Length, the last message completes it.
        del response.headers["content-length"]
        await request.respond(response, close=True, more=True)
        await end_early(request, DRAIN_SLOW_SECONDS if too_slow else DRAIN_SECONDS)


async def end_early(request: RequestState, drain_seconds: float = DRAIN_SECONDS) -> None:
    """Complete an answer without a Content-Length whose body was sent, after the rest of the request's body was read
    and discarded."""
    if request.body_unread:
        await drain(request.receive, drain_seconds)
    await request.send({"type": "http.response.body", "body": b"", "more_body": False})


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
