"""Faults on demand: what the server answers in place of the truth, how often, and for which requests."""

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from graph_server.errors import GraphFault, graph_error

HTML: Final = "<!DOCTYPE html><html><body><h1>Our services aren't available right now</h1></body></html>"


@dataclass
class Fault:
    """An answer that is given in place of the true one, to the requests that it is for."""

    answer: Response | None = None
    """None: the answer of the server, late."""
    seconds: float = 0.0
    """The time before the answer."""
    until: Event | None = None
    """What the answer waits for."""
    method: str | None = None
    path: str = ""
    """What the path has in it."""
    times: int = 1_000_000
    after: int = 0
    """How many of such requests are answered truly before."""

    def fits(self, request: Request) -> bool:
        fits = self.method in {None, request.method} and self.path in request.url.path and self.times > 0
        if fits and self.after:
            self.after -= 1
            return False
        return fits


@dataclass
class Seen:
    """A request that came."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Faults:
    """Those that are in force, and what the server was asked."""

    active: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def add(self, answer: Response | None = None, **match: Any) -> Fault:
        self.active.append(Fault(answer, **match))
        return self.active[-1]

    def clear(self) -> None:
        self.active.clear()
        self.seen.clear()

    def paths(self, method: str | None = None) -> list[str]:
        return [each.path for each in self.seen if method in {None, each.method}]

    async def of(self, request: Request) -> Response | None:
        """What is answered in place of the truth."""
        path = request.scope["raw_path"].decode()
        self.seen.append(Seen(request.method, request.url.hostname or "", path, dict(request.headers)))
        fault = next((each for each in self.active if each.fits(request)), None)
        if fault is None:
            return None
        fault.times -= 1
        await asyncio.sleep(fault.seconds)
        while fault.until is not None and not fault.until.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)
        return fault.answer


def garbage(status: int = 200) -> Response:
    """Bytes that say that they are JSON."""
    return Response(b'{"value": [}\xff\x00', status, media_type="application/json")


def html(status: int = 200) -> Response:
    return HTMLResponse(HTML, status)


def json(body: object, status: int = 200) -> Response:
    return JSONResponse(body, status)


def redirect(to: str) -> Response:
    return Response(status_code=302, headers={"Location": to})


def error(status: int, code: str, *, retry_after: str | None = None, inner: str | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return graph_error(GraphFault(status, code, inner=inner, headers=headers))


def throttled(seconds: int = 1, status: int = 429) -> Response:
    return error(status, "activityLimitReached", retry_after=str(seconds))


def nested(codes: Iterable[str], status: int, spelling: str = "innererror") -> Response:
    """An error whose codes become more exact, the outermost first."""
    body: dict[str, Any] = {"request-id": str(uuid.uuid4())}
    for code in reversed(list(codes)):
        body = {"code": code, "message": "See the code.", spelling: body}
    return JSONResponse({"error": body}, status)
