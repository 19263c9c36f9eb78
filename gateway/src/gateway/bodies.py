"""A request's body on its way to a service: whole where it came in one piece, else piece by piece, never held."""

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


class ClientGone(BadRequest):
    """The client has left in the middle of its body, or the body is not well-formed: the server tells neither from the
    other, and an answer to a client that has left does no harm."""

    default_detail = "The body ended early, or is not well-formed."


class ClientTooSlow(LightboxError):
    """The client has stopped in the middle of its request (RFC 9110 section 15.5.9), or of reading the answer."""

    status = 408
    code = "request-timeout"
    default_detail = f"The connection stood still for {IDLE_SECONDS:.0f} seconds."


async def _next(receive: Receive) -> Message:
    """The next piece of a body. Raises `ClientTooSlow` and `ClientGone`."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
    except TimeoutError:
        raise ClientTooSlow from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


class StreamedBody:
    """The rest of a body, to iterate over once; `failure` says why the iteration broke off."""

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
        except (ClientGone, LightboxError) as failure:
            self.failure = failure
            raise
        self.finished.set()

    async def _chunks(self) -> AsyncIterator[bytes]:
        size = len(self._first)
        if self._first:
            yield self._first
        while True:
            message = await _next(self._receive)
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
    """The body of a request, None where there is none. Raises `TooLarge` by the announced length, before anything is
    read, or by the first piece; `ClientGone`."""
    own = request.headers.own
    announced = own.get(b"content-length")
    if announced is None:
        if b"transfer-encoding" not in own:
            return None
    elif int(announced) > max_body:
        raise too_large(max_body)
    message = await _next(request.receive)
    first: bytes = message.get("body", b"")
    if len(first) > max_body:
        raise too_large(max_body)
    whole = announced is not None and len(first) == int(announced)
    if whole:
        request.unread = False  # the server says that there is more, since it has not looked
    if request.unread:
        return StreamedBody(first, request.receive, max_body, has_length=announced is not None)
    return first


def too_large(max_body: int) -> TooLarge:
    """413 with the limit."""
    return TooLarge(f"The body is larger than the {max_body:,} bytes that are accepted here.")


async def refuse(request: RequestState, response: Response) -> None:
    """Answer although the body was not read to its end. A connection that is closed with unread data in it is reset,
    and a client that still sends might never see the answer (RFC 9112 section 9.6): what is small is read before, what
    is large for a moment afterwards."""
    own = request.headers.own
    if any(name == b"expect" for name, _ in request.scope["headers"]):
        await request.respond(response, close=True)  # the client has not begun to send
    elif b"content-length" in own and int(own[b"content-length"]) <= SMALL_BYTES:
        await _drain(request)
        await request.respond(response, close=request.unread)
    else:
        # The server stops reading as soon as the answer is complete: without a length it is so when we say it.
        del response.headers["content-length"]
        await request.respond(response, close=True, more=True)
        await _drain(request)
        await request.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(request: RequestState) -> None:
    """Read the rest of a body and throw it away, up to `DRAINED_BYTES`, while the client keeps sending."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while request.unread and size < DRAINED_BYTES:
                async with asyncio.timeout(DRAIN_IDLE_SECONDS):
                    size += len((await request.receive()).get("body", b""))


class ClientWatch:
    """Cancels the request's task when its client leaves. It starts late and only when a request takes long: a task
    for each would cost more than it could save."""

    __slots__ = ("_gone", "_loop", "_receive", "_task", "_timer", "_watcher")

    START_AFTER_SECONDS: Final = 0.05

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def start(self, body: Body) -> None:
        """Begin, once the body (which finds out by itself) was read."""
        self._timer = self._loop.call_later(self.START_AFTER_SECONDS, self._begin, body)

    def stop(self) -> None:
        """End it. Cheap, and to be called in any case."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def was_it(self) -> bool:
        """Whether a `CancelledError` that was just caught came from here; it is taken back then."""
        return self._gone and self._task is not None and self._task.uncancel() == 0

    def _begin(self, body: Body) -> None:
        self._watcher = self._loop.create_task(self._watch(body))

    async def _watch(self, body: Body) -> None:
        if isinstance(body, StreamedBody):
            await body.finished.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._task is not None:
            self._task.cancel()
