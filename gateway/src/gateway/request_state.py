"""The state of one request, and the methods that send its answer."""

import time
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gateway.headers import NOSNIFF, RawHeaders, RequestHeaders
from gateway.routes import Route
from gateway.trusted_proxies import Client
from lightbox_shared.observability.context import Trace, request_id_from

# For answers of the gateway itself, which must not be framed and load nothing (Fetch, CSP 3).
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
    """A request, and what has been found out about it so far.

    `status` is the status of the answer, 0 until that has started.
    """

    __slots__ = (
        "_receive",
        "body_unread",
        "client",
        "extra_headers",
        "headers",
        "method",
        "path",
        "public_headers",
        "request_id",
        "route",
        "scope",
        "send",
        "session_id",
        "started",
        "status",
        "trace",
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
        self.body_unread = b"transfer-encoding" in own or own.get(b"content-length", b"0") != b"0"
        """Whether the request has a body whose end was not read."""
        self.request_id = request_id_from(own.get(b"x-request-id"))
        self.trace = Trace.from_header(own.get(b"traceparent"))
        self.client = Client("unknown", "http", "")
        self.route: Route | None = None
        self.session_id: int | None = None
        """The session of the caller, None without authentication."""
        self.status = 0
        self.extra_headers: RawHeaders = [(b"x-request-id", self.request_id.encode()), SERVER]
        """Headers that are added to the answer, whether it is the service's or the gateway's."""
        self.public_headers: RawHeaders = []
        """Headers that are added to an answer that pages of any origin may read (`gateway.cors`)."""

    async def receive(self) -> Message:
        """Return the next ASGI message: a chunk of the body, or `http.disconnect`."""
        message = await self._receive()
        if not message.get("more_body"):
            self.body_unread = False
        return message

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Send the status and headers of an answer, and the extra headers."""
        self.status = status
        headers += self.extra_headers
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def respond(self, response: Response, *, close: bool = False, more: bool = False) -> None:
        """Send an answer of the gateway itself, with headers for security.

        With `close` the connection is closed after the answer. With `more` the body is not at its end.
        """
        headers = list(response.raw_headers)
        if close:
            headers.append(CLOSE)
        names = {name for name, _ in headers}
        headers += [each for each in SECURITY_HEADERS if each[0] not in names]
        if NO_STORE[0] not in names:
            headers.append(NO_STORE)
        await self.start(response.status_code, headers)
        await self.send({"type": "http.response.body", "body": response.body, "more_body": more})
