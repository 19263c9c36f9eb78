"""CoAP in tests: a server with the parts of a running service, and devices with sockets of their own."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any, Final

import cbor2
import numpy as np
from aiocoap import Context, Message
from aiocoap.numbers.codes import Code
from PIL import Image
from prometheus_client import CollectorRegistry

from core_collection_service.access import Access
from core_collection_service.coap.metrics import CoapMetrics
from core_collection_service.coap.server import CoapOptions, running_server
from core_collection_service.state import Services
from support.collection import DEVICE, TIMESTAMP

HOST: Final = "127.0.0.1"
RAW: Final = (f"deviceId={DEVICE}", f"timestamp={TIMESTAMP}")
"""The query for the picture of `support.collection.AT`."""
PNG: Final = 23
OCTETS: Final = 42
JSON: Final = 50
CBOR: Final = 60


def noise(side: int = 140, seed: int = 1) -> bytes:
    """A PNG that can't be compressed: a little more than `side` * `side` bytes, 20 kB by default."""
    grey = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


@asynccontextmanager
async def coap_of(
    services: Services, *, access: Access = Access.OPEN, registry: CollectorRegistry | None = None, **options: Any
) -> AsyncIterator[int]:
    """Serve CoAP on both loopback addresses, and yield the port. `options` are those of `CoapOptions`."""
    own = replace(services, access=access)
    settings = CoapOptions(**{"host": "localhost", "port": 0, **options})
    async with running_server(own, settings, CoapMetrics(registry or CollectorRegistry())) as server:
        yield server.port


class Device:
    """A client with a socket of its own, as every device has."""

    def __init__(self, context: Context, port: int, host: str = HOST) -> None:
        self.context = context
        self._origin = f"coap://{host}:{port}"

    def message(self, code: Code, path: str, *, query: Sequence[str] = (), **parts: Any) -> Message:
        """A request that has not been sent; `parts` are its payload and options."""
        message = Message(code=code, uri=self._origin + path, **parts)
        message.opt.uri_query = tuple(query)
        return message

    async def ask(self, code: Code, path: str, *, query: Sequence[str] = (), **parts: Any) -> Message:
        """Send a request, in blocks if it needs them, and return the response."""
        return await self.context.request(self.message(code, path, query=query, **parts)).response

    async def get(self, path: str, *query: str, **parts: Any) -> Message:
        """Send a GET, and return the response."""
        return await self.ask(Code.GET, path, query=query, **parts)

    async def post(self, data: bytes, content_format: int, *query: str, **parts: Any) -> Message:
        """Send a POST to the collection `images`, and return the response."""
        path = "/collections/images"
        return await self.ask(Code.POST, path, query=query, payload=data, content_format=content_format, **parts)

    async def block(self, number: int, more: bool, payload: bytes, *query: str, **parts: Any) -> Message:
        """Send one block of 64 bytes of a picture that is sent as it is, and return the response."""
        message = self.message(Code.POST, "/collections/images", query=query or RAW, payload=payload, **parts)
        message.opt.content_format = OCTETS
        message.opt.block1 = (number, more, 2)
        return await self.context.request(message, handle_blockwise=False).response


@asynccontextmanager
async def device(port: int, host: str = HOST) -> AsyncIterator[Device]:
    """A device at the server on this port."""
    context = await Context.create_client_context(transports=["udp6"])
    try:
        yield Device(context, port, host)
    finally:
        await context.shutdown()


def problem(answer: Message) -> dict[int, Any]:
    """The problem details of an error response (RFC 9290). Fails if it has none."""
    assert int(answer.opt.content_format) == 257, answer
    found: dict[int, Any] = cbor2.loads(answer.payload)
    assert found[-4] == int(answer.code)
    return found


def free_udp_port() -> int:
    """A port that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
