"""Server-sent events over a real socket: what a page gets, also when it reconnects, and how a stream ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from support.asgi import WithState
from support.collection import IMAGES, MakeCoreSettings, send
from support.gateway import Server

from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings
from lightbox_shared.installation import service_named
from lightbox_shared.responses.streams import MAX_STREAMS, MAX_STREAMS_OF_ADDRESS, OpenStreams
from lightbox_shared.serve import GRACE_SECONDS

EVENTS = f"{IMAGES}/events"
SECONDS = 20.0


class Stream:
    """An event stream as a browser reads it (WHATWG HTML, section 9.2.6)."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self.retry = 0
        self._lines = response.aiter_lines()

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The name and the data of the next event."""
        kind, data = "message", ""
        async with asyncio.timeout(SECONDS):
            async for line in self._lines:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data += value
                elif name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry = int(value)
                elif not line and data:
                    return kind, json.loads(data)
        raise EOFError

    async def begun(self) -> None:
        """Returns when the subscription has begun, which the first comment says."""
        async with asyncio.timeout(SECONDS):
            while not (await anext(self._lines)).startswith(":"):
                pass


@asynccontextmanager
async def streaming(client: httpx.AsyncClient, last_id: str = "", **query: str) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.stream("GET", EVENTS, params=query, headers=headers, timeout=SECONDS) as response:
        assert response.status_code == 200
        stream = Stream(response)
        await stream.begun()
        yield stream


@pytest.fixture
def server(make_core_settings: MakeCoreSettings) -> Iterator[Server]:
    server = Server(create_app(make_core_settings()))
    yield server
    server.stop()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=SECONDS) as client:
        yield client


async def test_pictures_arrive(http: httpx.AsyncClient) -> None:
    await send(http, device="before")
    async with streaming(http) as everything, streaming(http, deviceId="b") as of_one:
        assert everything.response.headers["content-type"].startswith("text/event-stream")
        assert everything.response.headers["cache-control"] == "no-cache"
        kept = [await send(http, device=name) for name in ("a", "b", "c")]
        assert [await everything.event() for _ in kept] == [("picture", each) for each in kept]
        assert await of_one.event() == ("picture", kept[1])
        assert (everything.last_id, of_one.last_id) == (str(kept[2]["id"]), str(kept[1]["id"]))
        assert everything.retry > 0


async def test_a_client_that_reconnects_gets_what_it_missed(http: httpx.AsyncClient) -> None:
    kept = [await send(http, device=f"{n}") for n in range(4)]
    last = str(kept[1]["id"])
    async with streaming(http, last) as stream, streaming(http, lastEventId=last) as other:
        kept.append(await send(http, device="4"))
        for each in (stream, other):
            assert [await each.event() for _ in range(3)] == [("picture", found) for found in kept[2:]]
    async with streaming(http, str(kept[3]["id"]), lastEventId=last) as stream:
        assert await stream.event() == ("picture", kept[4])


async def test_a_stream_ends_with_its_client(http: httpx.AsyncClient) -> None:
    async with streaming(http), streaming(http):
        assert await open_streams(http) == 2
    async with asyncio.timeout(SECONDS):
        while await open_streams(http):  # noqa: ASYNC110 - the other side is a server
            await asyncio.sleep(0.01)


async def open_streams(http: httpx.AsyncClient) -> float:
    """The number of open streams in the metrics."""
    metrics = (await http.get("/metrics")).text
    (found,) = (line for line in metrics.splitlines() if line.startswith("lightbox_event_streams "))
    return float(found.partition(" ")[2])


async def test_above_the_limit_of_streams_there_is_retry_after(core: WithState, client: httpx.AsyncClient) -> None:
    streams: OpenStreams = core.state["services"].open_streams
    with ExitStack() as stack:
        for number in range(MAX_STREAMS):
            stack.enter_context(streams.counted(f"2001:db8:0:{number:x}::1"))
        answer = await client.get(EVENTS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["type"].endswith("too-many-streams")
    assert streams.count == 0


async def test_streams_of_one_address(core: WithState, client: httpx.AsyncClient) -> None:
    """An IPv6 address counts with its network; others are let in."""
    streams: OpenStreams = core.state["services"].open_streams
    for of, same, other in (
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::abcd", "2001:db8:0:1::1"),
    ):
        with ExitStack() as stack:
            for _ in range(MAX_STREAMS_OF_ADDRESS):
                stack.enter_context(streams.counted(of))
            answer = await client.get(EVENTS, headers={"X-Forwarded-For": same})
            with streams.counted(other):
                assert streams.count == MAX_STREAMS_OF_ADDRESS + 1
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        assert answer.json()["type"].endswith("too-many-streams-of-address")
        with streams.counted(of):
            assert streams.count == 1
    assert MAX_STREAMS_OF_ADDRESS * 5 <= MAX_STREAMS


async def test_the_service_stops_although_streams_are_open(core_settings: CoreSettings, free_port: int) -> None:
    base = free_port - service_named("core-collection-service").port_offset
    environment = {
        **os.environ,
        "LIGHTBOX_DATABASE_URL": core_settings.database_url,
        "LIGHTBOX_DATA_DIR": str(core_settings.data_dir),
        "LIGHTBOX_PORT": str(base),
        "LIGHTBOX_COAP": "false",
    }
    command = [sys.executable, "-m", "lightbox_shared.serve", "core-collection-service"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}") as http:
            await _answers(http)
            async with streaming(http) as stream, streaming(http):
                kept = await send(http)
                assert await stream.event() == ("picture", kept)
                process.send_signal(signal.SIGTERM)
                with pytest.raises(EOFError):
                    await stream.event()
                # Long before the server would end open answers by itself.
                assert await asyncio.wait_for(process.wait(), GRACE_SECONDS / 2) in {0, -signal.SIGTERM}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _answers(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await http.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_head_of_a_stream_opens_none(core: WithState, client: httpx.AsyncClient) -> None:
    answer = await client.head(EVENTS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in answer.headers
    assert core.state["services"].feed.subscriptions == 0
    assert (await client.head(f"{EVENTS}?lastEventId=x")).status_code == 400
    assert (await client.head("/collections/paintings/events")).status_code == 404


async def test_invalid_queries(client: httpx.AsyncClient) -> None:
    for query in ("lastEventId=x", "lastEventId=-1", f"lastEventId={2**63}", "deviceId=", "deviceId=a&deviceId=b"):
        assert (await client.get(f"{EVENTS}?{query}")).status_code == 400
    assert (await client.get(EVENTS, headers={"Last-Event-ID": "x"})).status_code == 400
    assert (await client.get("/collections/paintings/events")).status_code == 404
