"""The outermost middleware: request id, trace, access log, metrics, and responses for unhandled exceptions.

It is pure ASGI, since Starlette's BaseHTTPMiddleware buffers responses and breaks cancellation. Traces follow W3C Trace
Context: a valid `traceparent` keeps its trace id and flags and gets a new parent id; an invalid one starts a new trace,
and `tracestate` is dropped.
"""

import os
import random
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightbox_shared.errors.dialects import Dialects, rendered
from lightbox_shared.errors.handlers import to_lightbox_error
from lightbox_shared.observability.metrics import HttpMetrics
from lightbox_shared.observability.secret_paths import loggable_path

log = structlog.get_logger("access")

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KNOWN_FLAGS: Final = 0b11  # sampled, random trace id; the others must be sent as zero
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
QUIET_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


# Ids must differ, but need not be secret. The random numbers of the operating system took as long as a whole check of a
# remembered token.
_ids = random.Random()  # noqa: S311
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.seed)


def new_id(bits: int) -> str:
    """A random id in hexadecimal, never all zeros (which W3C Trace Context forbids)."""
    return f"{_ids.getrandbits(bits) or 1:0{bits // 4}x}"


@dataclass(frozen=True, slots=True)
class Trace:
    """A position in a distributed trace: trace id (32 hexadecimal digits), span id (16) and flags (2)."""

    trace_id: str
    span_id: str
    flags: str
    continued: bool = False
    """Whether the trace was begun by the caller, so that its `tracestate` is passed on."""

    @classmethod
    def from_header(cls, value: bytes | None) -> "Trace":
        """Continue the trace of a `traceparent` header, or start a new one where it is missing or not valid."""
        match = _TRACEPARENT.fullmatch(value or b"")
        valid = (
            match is not None
            and match[1] != b"ff"
            and (match[1] != b"00" or match[5] is None)
            and match[2].strip(b"0")
            and match[3].strip(b"0")
        )
        if match is None or not valid:
            return cls(new_id(128), new_id(64), "00")
        flags = f"{int(match[4], 16) & _KNOWN_FLAGS:02x}"
        return cls(match[2].decode(), new_id(64), flags, continued=True)

    @property
    def header(self) -> str:
        """The value of `traceparent` for calls to other services."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Mapping[str, str]] = ContextVar("current request", default={})  # noqa: B039 - never changed


def context_headers() -> Mapping[str, str]:
    """Request id and trace as headers, for calls made on behalf of the current request; empty outside of a request."""
    return _current.get()


def request_id_from(value: bytes | None) -> str:
    """The request id in an `X-Request-ID` header if it has only safe characters, else a new one."""
    return value.decode() if value and _REQUEST_ID.fullmatch(value) else new_id(96)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header, whose name is given in lower case; None if the request does not have it."""
    return next((value for key, value in scope["headers"] if key == name), None)


class RequestContext:
    """ASGI middleware that gives each request an id and a trace, logs and counts it, and answers its exceptions."""

    def __init__(
        self, app: ASGIApp, *, dialects: Dialects, metrics: HttpMetrics, quiet: frozenset[str] = frozenset()
    ) -> None:
        """`quiet` are paths whose requests are counted but not logged, beside `QUIET_PATHS`."""
        self._app = app
        self._dialects = dialects
        self._metrics = metrics
        self._quiet = QUIET_PATHS | quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = request_id_from(header(scope, b"x-request-id"))
        trace = Trace.from_header(header(scope, b"traceparent"))
        scope.setdefault("state", {}).update(request_id=request_id, trace=trace)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace.trace_id)
        _current.set({"X-Request-ID": request_id, "traceparent": trace.header})
        # "/x" and "/x/" are the same resource, without a redirect, which would lose CORS headers and the body of a
        # POST.
        path = scope["path"]
        if len(path) > 1 and path.endswith("/"):
            scope["path"] = path.rstrip("/") or "/"
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            failure = to_lightbox_error(error)
            if status:
                raise  # the response has begun: the server closes the connection, so that the client notices
            response = rendered(failure, self._dialects.of(path), Headers(scope=scope).get("accept"))
            await response(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.observe(scope["method"], route, status, seconds)
            if path not in self._quiet:
                log.info(
                    "request",
                    method=scope["method"],
                    path=loggable_path(path),
                    status=status,
                    ms=round(seconds * 1e3, 1),
                )
