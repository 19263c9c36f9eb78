"""Clients that stop while they send or read hold little memory, and not for long."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import zstandard
from PIL import Image
from support import pictures
from support.asgi import WithState, client_of
from support.collection import IMAGES, cbor_document, send
from support.collection_audit import KeptAudit, with_audit

from core_collection_service.author import Author
from core_collection_service.pictures.storage.chunks import CHUNK_BYTES
from core_collection_service.state import Services
from lightbox_shared.concurrency.memory_budget import SMALL_BYTES, UploadMemoryBudget
from lightbox_shared.requests.data_rate import MinimumDataRate

MEGABYTE = 1024 * 1024
NOISE = np.random.default_rng(1).integers(0, 256, (1500, 1500), np.uint8)
LARGE_PNG = pictures.encoded(Image.fromarray(NOISE), "PNG")
LARGE_BMP = pictures.encoded(Image.fromarray(NOISE & 15), "BMP")
PLAIN = {"Accept-Encoding": "identity"}
ZSTD = {"Accept-Encoding": "zstd"}

Receive = Callable[[], Awaitable[dict[str, Any]]]


def with_data_rate(core: WithState, rate: MinimumDataRate) -> WithState:
    """The same service, with another minimum data rate."""
    services: Services = core.state["services"]
    return WithState(core.app, {**core.state, "services": replace(services, minimum_data_rate=rate)})


async def answered(core: WithState, receive: Receive, method: str, path: str, *headers: tuple[bytes, bytes]) -> Any:
    """The ASGI messages of the answer to a request."""
    answers: list[Any] = []

    async def collect(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    async with asyncio.timeout(30):
        await core({**scope, "headers": headers, "http_version": "1.1", "scheme": "http"}, receive, collect)
    return answers


@pytest.mark.parametrize("size", [b"1000", b"2000000", None])
async def test_a_body_that_stops(core: WithState, size: bytes | None) -> None:
    begun = [{"type": "http.request", "body": cbor_document()[:100], "more_body": True}]
    services: Services = core.state["services"]

    async def receive() -> dict[str, Any]:
        if begun:
            return begun.pop()
        await asyncio.Event().wait()
        raise AssertionError

    announced = [] if size is None else [(b"content-length", size)]
    slow = with_data_rate(core, MinimumDataRate(seconds=0.05))
    answer = await answered(slow, receive, "POST", IMAGES, (b"content-type", b"application/cbor"), *announced)
    assert answer[0]["status"] == 408
    assert (b"connection", b"close") in answer[0]["headers"]
    assert b"The body came too slowly: too little of it, or nothing, in 0.05 seconds." in answer[1]["body"]
    assert services.upload_memory.held == 0


async def test_a_body_that_trickles(core: WithState) -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.001)  # a rate is a matter of time
        return {"type": "http.request", "body": b"x", "more_body": True}

    slow = with_data_rate(core, MinimumDataRate(seconds=0.1, least_bytes=10_000))
    answer = await answered(slow, receive, "POST", IMAGES, (b"content-type", b"application/cbor"))
    assert answer[0]["status"] == 408


async def test_a_slow_body_above_the_minimum_data_rate(core: WithState) -> None:
    body = cbor_document()
    third = len(body) // 3 + 1
    left = [body[at : at + third] for at in range(0, len(body), third)]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.4)  # all of them take longer than the second that each may take
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    slow = with_data_rate(core, MinimumDataRate(seconds=1, least_bytes=third - 3))
    answer = await answered(slow, receive, "POST", IMAGES, (b"content-type", b"application/cbor"))
    assert answer[0]["status"] == 201


async def raw(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """The answer, and its body without decoding of its content coding."""
    async with client.stream("GET", address, headers=headers) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.parametrize("data", [LARGE_PNG, LARGE_BMP], ids=["png", "bmp"])
async def test_large_pictures_in_every_form(client: httpx.AsyncClient, data: bytes) -> None:
    body = await send(client, data)
    assert body["encoding"] == (None if data is LARGE_PNG else "zstd")
    assert body["storedSize"] > MEGABYTE
    for address in (body["href"], f"{IMAGES}?deviceId=12345&timestamp=2024-08-18T02:04:07Z"):
        answer, found = await raw(client, address, PLAIN)
        assert (answer.status_code, found, answer.headers["content-length"]) == (200, data, str(len(data)))
        answer, found = await raw(client, address, ZSTD)
        assert answer.headers["content-length"] == str(len(found)) == str(body["storedSize"])
        packed = answer.headers.get("content-encoding") == "zstd"
        assert packed is (data is LARGE_BMP)
        assert (zstandard.ZstdDecompressor().decompress(found) if packed else found) == data
        for start, end in (
            (0, len(data)),
            (5, len(data) - 5),
            (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
            (len(data) - 9, len(data)),
        ):
            answer, found = await raw(client, address, {**ZSTD, "Range": f"bytes={start}-{end - 1}"})
            assert (answer.status_code, found) == (206, data[start:end])
            assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(data)}"
            assert answer.headers["content-length"] == str(end - start)


class Reader:
    """A client that reads no further than the first chunk until `may_go_on` is set."""

    def __init__(self, core: WithState, path: str, *headers: tuple[bytes, bytes]) -> None:
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.size = 0
        self.is_complete = False
        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        versions = {"http_version": "1.1", "scheme": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}}
        self.answer = asyncio.create_task(core({**scope, **versions, "headers": headers}, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            self.begun.set()
            await self.may_go_on.wait()


@pytest.mark.parametrize("data", [LARGE_PNG, LARGE_BMP], ids=["png", "bmp"])
@pytest.mark.parametrize("coding", [b"identity", b"zstd"])
async def test_a_picture_deleted_during_its_transfer_never_looks_complete(
    core: WithState, client: httpx.AsyncClient, data: bytes, coding: bytes
) -> None:
    body = await send(client, data)
    reader = Reader(core, body["href"], (b"accept-encoding", coding))
    await asyncio.wait_for(reader.begun.wait(), 10)
    services: Services = with_audit(core, KeptAudit()).state["services"]
    await services.deletions.delete_by_id("images", body["id"], Author(7, "127.0.0.1"))
    reader.may_go_on.set()
    with pytest.raises(RuntimeError, match="already started"):
        await asyncio.wait_for(reader.answer, 10)
    assert not reader.is_complete
    assert 0 < reader.size < body["storedSize"]


@pytest.mark.parametrize("coding", [b"identity", b"zstd"])
async def test_clients_that_do_not_read_hold_one_chunk_each(
    core: WithState, client: httpx.AsyncClient, coding: bytes
) -> None:
    href = (await send(client, LARGE_PNG))["href"]
    tracemalloc.start()
    try:
        readers = [Reader(core, href, (b"accept-encoding", coding)) for _ in range(20)]
        for each in readers:
            await asyncio.wait_for(each.begun.wait(), 20)
        assert tracemalloc.get_traced_memory()[0] < 20 * 2 * CHUNK_BYTES + MEGABYTE
    finally:
        tracemalloc.stop()
    for each in readers:
        each.may_go_on.set()
    await asyncio.gather(*(each.answer for each in readers))
    assert {each.size for each in readers} == {len(LARGE_PNG)}


async def test_uploads_over_http_count_for_the_address_of_their_client(core: WithState) -> None:
    services: Services = core.state["services"]
    memory = UploadMemoryBudget(64 * SMALL_BYTES)
    same = WithState(core.app, {**core.state, "services": replace(services, upload_memory=memory)})
    with memory.reserve(32 * SMALL_BYTES, address="192.0.2.1"):
        async with client_of(same) as http:
            for address, status in (("192.0.2.1", 503), ("192.0.2.2", 201)):
                headers = {"Content-Type": "application/cbor", "X-Forwarded-For": address}
                answer = await http.post(IMAGES, content=cbor_document(), headers=headers)
                assert answer.status_code == status
                assert status == 201 or answer.headers["retry-after"] == "2"
