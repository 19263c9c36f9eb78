"""One request on its way through the gateway, and the answer on its way back."""

import time
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.headers import NOSNIFF, RawHeaders, RequestHeaders
from gateway.routes import Route
from gateway.trusted_proxies import Client
from lightbox_shared.context import Trace, request_id_from

# For what the gateway says itself: nothing of it is a page that could be framed or load anything (Fetch, CSP 3).
SECURITY_HEADERS: Final = (
    NOSNIFF,
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
NO_STORE: Final = (b"cache-control", b"no-store")
CLOSE: Final = (b"connection", b"close")
SERVER: Final = (b"server", b"lightbox")


class RequestState:
    """What is known about a request so far; `status` stays 0 until the answer has started."""

    __slots__ = (
        "_receive",
        "added",
        "client",
        "headers",
        "method",
        "path",
        "request_id",
        "route",
        "scope",
        "send",
        "started",
        "status",
        "trace",
        "unread",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self._receive = receive
        self.send = send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = RequestHeaders(scope["headers"])
        own = self.headers.own
        self.unread = b"transfer-encoding" in own or own.get(b"content-length", b"0") != b"0"
        """Whether there is a body of which the end was not read."""
        self.request_id = request_id_from(own.get(b"x-request-id"))
        self.trace = Trace.from_header(own.get(b"traceparent"))
        self.client = Client("unknown", "http", "")
        self.route: Route | None = None
        self.status = 0
        self.added: RawHeaders = [(b"x-request-id", self.request_id.encode()), SERVER]
        """Headers of every answer, from the service or from us."""

    async def receive(self) -> Message:
        """The next piece of the body, or `http.disconnect`."""
        message = await self._receive()
        if not message.get("more_body"):
            self.unread = False
        return message

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Send the head of an answer."""
        self.status = status
        headers += self.added
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def respond(self, response: Response, *, close: bool = False, more: bool = False) -> None:
        """Send an answer of our own. With `close` the connection ends after it; with `more` there is more to come."""
        headers = list(response.raw_headers)
        if close:
            headers.append(CLOSE)
        names = {name for name, _ in headers}
        headers += [each for each in SECURITY_HEADERS if each[0] not in names]
        if NO_STORE[0] not in names:
            headers.append(NO_STORE)
        await self.start(response.status_code, headers)
        await self.send({"type": "http.response.body", "body": response.body, "more_body": more})
