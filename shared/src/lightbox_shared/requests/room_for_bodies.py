"""Room on disk for the body of a request, held from its head to its end.

A request whose endpoint keeps its body asks for the length that is announced (RFC 9110 section 8.6). Where none is
announced, since the body comes in chunks (RFC 9112 section 7.1), the room grows with what arrives. However the request
ends, the room is given back once; what has arrived counts as written, until the free space is read again.
"""

from collections.abc import Hashable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightbox_shared.storage.disk_space import DiskReservation, DiskSpace

SCOPE_KEY: Final = "lightbox.room"
"""Where requests find their `RoomForBody` in the ASGI scope."""


class RoomForBody:
    """What is reserved for the body of one request: nothing, until it is asked for."""

    __slots__ = ("_received", "_reservation")

    def __init__(self) -> None:
        self._received = 0
        self._reservation: DiskReservation | None = None

    def reserve(self, space: DiskSpace, announced: int | None, address: Hashable) -> None:
        """Hold room for the body until the request ends. `announced` is its length, None if that is not known. Raises
        `DiskFull`."""
        size = max(announced or 0, self._received)
        if self._reservation is None:
            self._reservation = space.reserve(size, address=address)
        else:
            self._reservation.grow_to(size)

    def received(self, size: int) -> None:
        """Count `size` more bytes that have arrived. Raises `DiskFull` if they are more than what was announced, and
        there is no room for them."""
        self._received += size
        if self._reservation is not None:
            self._reservation.grow_to(self._received)

    def release(self) -> None:
        """Give the room back, at the end of the request or as soon as its body is not kept. Nothing is held after
        that."""
        if self._reservation is not None:
            self._reservation.release(written=self._received)


class RoomForBodies:
    """Middleware that gives each request a `RoomForBody`, counts what arrives, and releases the room at the end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[SCOPE_KEY] = room = RoomForBody()

        async def receive_counted() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                room.received(len(message.get("body", b"")))
            return message

        try:
            await self._app(scope, receive_counted, send)
        finally:
            room.release()
