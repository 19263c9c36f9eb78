"""Carries a request to its service and the answer back, streaming both ways.

What a client can rely on: nothing is held longer than a chunk; a client that leaves takes its request along; an answer
that breaks off at the service breaks off at the client too, and is never a short 200. A request is tried again only
where that can't do a thing twice: if no connection was made, or if the method is idempotent and its body at hand
(RFC 9110 section 9.2.2).
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.bodies import IDLE_SECONDS, Body, ClientGone, ClientTooSlow, ClientWatch, StreamedBody, open_body
from gateway.circuit_breaker import CircuitBreaker
from gateway.headers import answer_headers
from gateway.identity import Caller
from gateway.request_state import RequestState
from gateway.routes import Route
from gateway.upstream import ConnectError, Connection, Pool, ReadTimeout, ServerDisconnected, UpstreamError
from lightbox_shared.errors import LightboxError, Unavailable, UpstreamTimeout

PAUSES_SECONDS: Final = (0.05, 0.2)
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
# Answers to these methods are expected to have a length even if there is nothing (RFC 9110 section 8.6).
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class BadGateway(LightboxError):
    """The service hung up in the middle, or said something that is not HTTP. It may have done what was asked."""

    status = 502
    code = "bad-gateway"
    default_detail = "The service did not answer properly."


class Proxy:
    """The way to the services."""

    def __init__(self, addresses: Mapping[str, str], breakers: Mapping[str, CircuitBreaker]) -> None:
        self._pools = {service: Pool(address) for service, address in addresses.items()}
        self._breakers = breakers

    def close(self) -> None:
        """Close idle connections."""
        for pool in self._pools.values():
            pool.close()

    async def forward(self, request: RequestState, route: Route, caller: Caller) -> None:
        """Answer a request with what its service says. Raises `LightboxError` before an answer has started; what
        fails later ends the client's connection. Returns quietly when the client has left."""
        if route.service not in self._pools:
            raise Unavailable(f"{route.service} is not part of this installation yet.", retry_after=3600)
        watch = ClientWatch(request.receive)
        try:
            body = await open_body(request, route.max_body)
            watch.start(body)
            await self._send(request, route, request_head(request, caller, body), body)
        except asyncio.CancelledError:
            if not watch.was_it():
                raise
        except ReadTimeout as error:
            raise UpstreamTimeout(f"{route.service} was silent for {route.timeout:g} seconds.") from error
        except UpstreamError as error:
            raise BadGateway from error
        finally:
            watch.stop()

    async def _send(self, request: RequestState, route: Route, head: bytes, body: Body) -> None:
        """Raises `UpstreamError` for what may not be tried again, and `LightboxError`."""
        for pause in PAUSES_SECONDS:
            try:
                await self._try(request, route, head, body)
            except ConnectError:
                pass
            except ServerDisconnected:
                if request.method not in _IDEMPOTENT or isinstance(body, StreamedBody):
                    raise
            else:
                return
            await asyncio.sleep(pause)
        try:
            await self._try(request, route, head, body)
        except ConnectError as error:
            raise Unavailable(f"{route.service} can't be reached at the moment.") from error

    async def _try(self, request: RequestState, route: Route, head: bytes, body: Body) -> None:
        breaker = self._breakers[route.service]
        trial = breaker.enter()
        try:
            connection = await self._pools[route.service].take()
        except ConnectError:
            breaker.failed(trial=trial)
            raise
        except BaseException:
            breaker.gave_up(trial=trial)
            raise
        pump: asyncio.Task[None] | None = None
        try:
            if isinstance(body, StreamedBody):
                connection.send(request.method, head)
                pump = asyncio.create_task(_pump(connection, body, route.timeout))
            else:
                connection.send(request.method, head + body if body else head)
                connection.expect(route.timeout)
            try:
                await connection.head()
            except ServerDisconnected:
                if isinstance(body, StreamedBody) and body.failure is not None:
                    raise body.failure from None
                breaker.failed(trial=trial)
                raise
            breaker.succeeded()
            await _answer(request, connection)
        finally:
            breaker.gave_up(trial=trial)
            sent = pump is None or pump.done()
            if pump is not None:
                pump.cancel()
            connection.release(sent=sent)


def request_head(request: RequestState, caller: Caller, body: Body) -> bytes:
    """The head of the request to the service. What the client wrote is sent byte for byte, or the service would see
    another path than we did; line ends can't be in it, since the server's parser has refused them."""
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
    lines += [b"%b: %b\r\n" % pair for pair in request.headers.passed]
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


async def _pump(connection: Connection, body: StreamedBody, timeout: float) -> None:  # noqa: ASYNC109
    """Send a body as it arrives. Why it broke off is in `body.failure`; the service learns it by its connection."""
    chunked = not body.has_length
    try:
        async for chunk in body:
            await connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk, timeout)
        if chunked:
            await connection.write(b"0\r\n\r\n", timeout)
    except (ClientGone, LightboxError):
        connection.fail(ServerDisconnected("the client broke off"))
    except UpstreamError:
        return  # whoever reads the answer learns the same
    else:
        connection.expect(timeout)


async def _answer(request: RequestState, connection: Connection) -> None:
    """Pass an answer on. Awaiting `send` is the backpressure: the service is not read faster than the client reads."""
    await request.start(connection.status, answer_headers(connection.headers, connection.status))
    chunk = connection.take()
    if connection.complete:
        await request.send({"type": "http.response.body", "body": chunk})
    else:
        await _stream(request, connection, chunk)


async def _stream(request: RequestState, connection: Connection, chunk: bytes) -> None:
    while not connection.complete:
        # Also if there is no byte yet: the server sends the head with the first piece of the body.
        await _send(request, chunk, more=True)
        chunk = await connection.read()
    await _send(request, chunk, more=False)


async def _send(request: RequestState, chunk: bytes, *, more: bool) -> None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):  # who does not read may not hold a service's answer
            await request.send({"type": "http.response.body", "body": chunk, "more_body": more})
    except TimeoutError:
        raise ClientTooSlow from None
