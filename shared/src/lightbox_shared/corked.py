"""The web server's protocol, with the head and the body of an answer in one write.

uvicorn writes them one after the other, uvloop hands each to the kernel at once, and a system call is the dearest part
of a small answer. Here small pieces wait for each other until the event loop has run what it has at hand.
"""

import asyncio
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WAIT_BELOW_BYTES: Final = 16 * 1024


class CorkedTransport:
    """A transport that collects small writes; everything else is the transport's own business."""

    __slots__ = ("_loop", "_parts", "_transport", "get_extra_info", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._parts: list[bytes] = []
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Write now what is large, and soon what is small."""
        if len(data) >= WAIT_BELOW_BYTES:
            self.flush()
            self._transport.write(data)
            return
        self._parts.append(data)
        if len(self._parts) == 1:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._transport.write(data)

    def close(self) -> None:
        """Write what waits, and close then."""
        self.flush()
        self._transport.close()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self.flush()
        self._transport.set_protocol(protocol)


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's own protocol on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", CorkedTransport(transport)))
