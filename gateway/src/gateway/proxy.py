"""Forwards requests to services and their answers to clients, and streams both.

- Each chunk is passed on as soon as it has arrived.
- A request ends when its client disconnects.
- An answer that ends early at the service ends early at the client too, so it can't be taken for a complete one.
- An answer without a known end, such as a stream of events, ends early as well when the session of its caller is
  revoked. One with a Content-Length goes on: it may be that of the request which has ended the session.
- An answer that the service gives before it has read the body reaches a client that is still sending.
- A request is repeated only if that can't have an effect twice: if there was no connection, or if the method is
  idempotent and the body was not streamed (RFC 9110 section 9.2.2).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from gateway.authentication import Caller
from gateway.bodies import (
    IDLE_SECONDS,
    ArrivingBodies,
    Body,
    DisconnectWatcher,
    RequestTimeout,
    StreamedBody,
    end_early,
    open_body,
)
from gateway.circuit_breaker import CircuitBreaker
from gateway.cors import ANYBODY
from gateway.headers import RawHeaders, response_headers
from gateway.request_state import CLOSE, RequestState
from gateway.revocations import Revocations
from gateway.routes import Route
from gateway.upstream import ConnectError, Connection, Pool, ReadTimeout, ServerDisconnected, UpstreamError
from lightbox_shared.errors import InvalidToken, LightboxError, Unavailable, UpstreamTimeout
from lightbox_shared.requests.file_sizes import FileSizes

RETRY_PAUSES_SECONDS: Final = (0.05, 0.2)
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
# Answers to these methods are expected to have a length even if there is nothing (RFC 9110 section 8.6).
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class BadGateway(LightboxError):
    """The service closed the connection before the end of its answer, or its answer is not HTTP. It may have carried
    out the request."""

    status = 502
    code = "bad-gateway"
    default_detail = "The service did not answer properly."


class Proxy:
    """Forwards requests to services, by a pool of connections and a circuit breaker for each."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        breakers: Mapping[str, CircuitBreaker],
        arriving: ArrivingBodies,
        revocations: Revocations,
        sizes: FileSizes,
    ) -> None:
        self._pools = {service: Pool(address) for service, address in addresses.items()}
        self._breakers = breakers
        self._arriving = arriving
        self._revocations = revocations
        self._sizes = sizes

    def close(self) -> None:
        """Close idle connections."""
        for pool in self._pools.values():
            pool.close()

    async def forward(self, request: RequestState, route: Route, caller: Caller) -> None:
        """Forward a request and its answer. Returns early if the client disconnects.

        Raises `Unavailable`, `UpstreamTimeout` or `BadGateway` for a service that does not answer as it should, and
        `TooLarge`, `RequestTimeout` or `ClientDisconnected` for a body that can't be forwarded. If `request.status` is
        set by then, the answer has started, and the connection to the client has to be closed.
        """
        if route.service not in self._pools:
            raise Unavailable(f"{route.service} is not part of this installation yet.", retry_after=3600)
        watcher = DisconnectWatcher(request.receive)
        request.session_id = None if caller.principal is None else caller.principal.session_id
        body: Body = None
        try:
            body = await open_body(request, route.largest_body(self._sizes), self._arriving)
            watcher.start(body)
            await self._send_with_retries(request, route, request_head(request, caller, body), body)
        except asyncio.CancelledError:
            if not watcher.absorb_cancellation():
                raise
        except ReadTimeout as error:
            raise UpstreamTimeout(f"{route.service} was silent for {route.timeout:g} seconds.") from error
        except UpstreamError as error:
            raise BadGateway from error
        finally:
            watcher.stop()
            if isinstance(body, StreamedBody):
                body.close()

    async def _send_with_retries(self, request: RequestState, route: Route, head: bytes, body: Body) -> None:
        """Raises `UpstreamError` for a failure after which the request must not be repeated, and `LightboxError`."""
        for pause in RETRY_PAUSES_SECONDS:
            try:
                await self._attempt(request, route, head, body)
            except ConnectError:
                pass
            except ServerDisconnected:
                if request.method not in _IDEMPOTENT or isinstance(body, StreamedBody):
                    raise
            else:
                return
            await asyncio.sleep(pause)
        try:
            await self._attempt(request, route, head, body)
        except ConnectError as error:
            raise Unavailable(f"{route.service} can't be reached at the moment.") from error

    async def _attempt(self, request: RequestState, route: Route, head: bytes, body: Body) -> None:
        breaker = self._breakers[route.service]
        trial = breaker.admit()
        try:
            connection = await self._pools[route.service].acquire()
        except ConnectError:
            breaker.record_failure(trial=trial)
            raise
        except BaseException:
            breaker.release_trial(trial=trial)
            raise
        sender: asyncio.Task[None] | None = None
        try:
            if isinstance(body, StreamedBody):
                connection.send(request.method, head)
                sender = asyncio.create_task(_send_body(connection, body, route.timeout))
            else:
                connection.send(request.method, head + body if body else head)
                connection.start_timeout(route.timeout)
            try:
                await connection.read_head()
            except ServerDisconnected:
                if isinstance(body, StreamedBody) and body.failure is not None:
                    raise body.failure from None
                breaker.record_failure(trial=trial)
                raise
            breaker.record_success()
            if sender is not None and isinstance(body, StreamedBody) and not body.finished.is_set():
                await self._forward_early_answer(request, connection, sender)
            else:
                await self._forward_answer(request, connection)
        finally:
            breaker.release_trial(trial=trial)
            sent = sender is None or (sender.done() and not sender.cancelled())
            if sender is not None:
                sender.cancel()
            connection.release(sent=sent)

    async def _forward_answer(self, request: RequestState, connection: Connection) -> None:
        """Forward an answer. Awaiting `send` is the backpressure: the service is read no faster than the client
        reads."""
        await request.start(connection.status, _headers(request, connection))
        chunk = connection.read_nowait()
        if connection.complete:
            await request.send({"type": "http.response.body", "body": chunk})
            return
        async with self._ended_by_revocation(request, connection):
            chunk = await _stream_answer(request, connection, chunk)
        await _send_chunk(request, chunk, more=False)

    async def _forward_early_answer(
        self, request: RequestState, connection: Connection, sender: "asyncio.Task[None]"
    ) -> None:
        """Forward an answer that has begun while the client is still sending the body, which `sender` passes on.

        The answer reaches the client although the rest of the body is of no use any more
        (`lightbox_shared.requests.lingering`).
        """
        # Without a Content-Length the server goes on reading until the last message.
        headers = [each for each in _headers(request, connection) if each[0] != b"content-length"]
        await request.start(connection.status, [*headers, CLOSE])
        async with self._ended_by_revocation(request, connection):
            chunk = await _stream_answer(request, connection, connection.read_nowait())
        await _send_chunk(request, chunk, more=True)
        sender.cancel()
        await asyncio.wait((sender,))
        await end_early(request)

    @asynccontextmanager
    async def _ended_by_revocation(self, request: RequestState, connection: Connection) -> AsyncIterator[None]:
        """Raise `InvalidToken` in the context when the session of the caller is revoked, if the answer has no
        Content-Length and so could go on for ever, as a stream of events does."""
        if any(name == b"content-length" for name, _ in connection.headers):
            yield
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as deadline:
                with self._revocations.on_revocation(request.session_id, lambda: deadline.reschedule(loop.time())):
                    yield
        except TimeoutError:
            raise InvalidToken("The session was revoked.") from None


def request_head(request: RequestState, caller: Caller, body: Body) -> bytes:
    """Return the request line and headers for the service.

    Path and headers are the client's, byte for byte: if they were decoded and encoded again, the service could read
    another path than the one that the gateway has checked. They contain no line ends, which the server's parser
    refuses.
    """
    own, client, trace, scope = request.headers.own, request.client, request.trace, request.scope
    query: bytes = scope["query_string"]
    host = client.host.encode("latin-1")
    lines = [
        b"%b %b%b%b HTTP/1.1\r\nhost: %b\r\nx-forwarded-for: %b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b"
        b"\r\nx-request-id: %b\r\ntraceparent: %b\r\n"
        % (
            request.method.encode(),
            scope["raw_path"],
            b"?" if query else b"",
            query,
            host,
            client.address.encode(),
            client.scheme.encode(),
            host,
            request.request_id.encode(),
            trace.header.encode(),
        )
    ]
    lines += [b"%b: %b\r\n" % pair for pair in request.headers.forwarded]
    if caller.authorization is not None:
        lines.append(b"authorization: %b\r\n" % caller.authorization)
    if caller.cookie is not None:
        lines.append(b"cookie: %b\r\n" % caller.cookie)
    for name in (b"origin", b"tracestate") if trace.continued else (b"origin",):
        if name in own:
            lines.append(b"%b: %b\r\n" % (name, own[name]))
    if isinstance(body, StreamedBody):
        if b"content-length" in own:
            lines.append(b"content-length: %b\r\n" % own[b"content-length"])
        else:
            lines.append(b"transfer-encoding: chunked\r\n")
    elif body or request.method in _WITH_BODY:
        lines.append(b"content-length: %d\r\n" % len(body or b""))
    lines.append(b"\r\n")
    return b"".join(lines)


async def _send_body(connection: Connection, body: StreamedBody, timeout: float) -> None:  # noqa: ASYNC109
    """Send a body while it arrives. If it ends early, `body.failure` is why, and the connection is closed."""
    chunked = not body.has_length
    try:
        async for chunk in body:
            await connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk, timeout)
        if chunked:
            await connection.write(b"0\r\n\r\n", timeout)
    except LightboxError:
        connection.fail(ServerDisconnected("the body ended early"))
    except UpstreamError:
        return  # the task that awaits the answer gets the same error
    else:
        connection.start_timeout(timeout)


def _headers(request: RequestState, connection: Connection) -> RawHeaders:
    """The headers of the service's answer for the client."""
    headers = response_headers(connection.headers, connection.status)
    is_public = ANYBODY in connection.headers or connection.status >= HTTPStatus.BAD_REQUEST
    return headers + request.public_headers if is_public else headers


async def _stream_answer(request: RequestState, connection: Connection, chunk: bytes) -> bytes:
    """Forward an answer until its end is known. Returns its last bytes, which are still to be sent."""
    while not connection.complete:
        # Even an empty chunk is sent: the server sends the head of the answer with the first chunk of its body.
        await _send_chunk(request, chunk, more=True)
        chunk = await connection.read()
    return chunk


async def _send_chunk(request: RequestState, chunk: bytes, *, more: bool) -> None:
    try:
        # A client that does not read must not occupy a connection to a service.
        async with asyncio.timeout(IDLE_SECONDS):
            await request.send({"type": "http.response.body", "body": chunk, "more_body": more})
    except TimeoutError:
        raise RequestTimeout from None
