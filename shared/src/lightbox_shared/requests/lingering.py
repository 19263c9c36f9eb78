"""Answers that come before the end of a request's body, such as 413, 415 and 503 (RFC 9112 section 9.6).

A server that closes a connection while data of its client are unread, or still on their way, resets it. The reset makes
the client's system throw away what it has received, so a client that is still sending gets no answer. Therefore the
rest of the body is read and thrown away before the connection is closed, within limits of size and time.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DRAINED_BYTES: Final = 256 * 1024 * 1024
DRAIN_SECONDS: Final = 10.0
DRAIN_IDLE_SECONDS: Final = 0.5
DRAIN_SLOW_SECONDS: Final = 1.0
"""For clients that are too slow, which would need more time than they are worth."""


async def drain(receive: Receive, seconds: float = DRAIN_SECONDS) -> None:
    """Read the rest of a request's body and discard it: up to `DRAINED_BYTES`, for up to `seconds`, and while no
    `DRAIN_IDLE_SECONDS` pass without data. Call it only if the end of the body was not read yet."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while size < DRAINED_BYTES:
                async with asyncio.timeout(DRAIN_IDLE_SECONDS):
                    message = await receive()
                if not message.get("more_body"):  # the end, or the client has disconnected
                    return
                size += len(message.get("body", b""))


class LingeringClose:
    """ASGI middleware for a server that closes a connection directly after the last message of an answer, as uvicorn
    does. Where the body of the request was not read to its end by then, the last message waits until it was."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        await self._app(scope, answer.receive, answer.send)


class _Answer:
    """`receive` and `send` of a request with a body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        # The server keeps other connections, and reads the rest of the body as soon as it has answered.
        self._closes = scope["http_version"] != "1.1" or _says_close(scope["headers"])
        self._unread = True
        self._drain_seconds = DRAIN_SECONDS
        # A client that waits for permission sends nothing, and reading would give the permission (RFC 9110 10.1.1).
        self._waits = any(name == b"expect" for name, _ in scope["headers"])

    async def receive(self) -> Message:
        self._waits = False
        message = await self._receive()
        self._unread = bool(message.get("more_body"))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._closes = self._closes or _says_close(message.get("headers", ()))
            if message["status"] == HTTPStatus.REQUEST_TIMEOUT:
                self._drain_seconds = DRAIN_SLOW_SECONDS
        is_last = message["type"] == "http.response.body" and not message.get("more_body")
        if not (is_last and self._closes and self._unread and not self._waits):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await drain(self._receive, self._drain_seconds)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _says_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)
