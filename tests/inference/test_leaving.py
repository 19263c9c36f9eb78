"""A client that leaves takes its picture out of the queue of the models."""

import threading
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import func, select
from starlette.types import Message
from support import pictures
from support.asgi import WithState
from support.gateway import Key
from support.inference import MODEL, account_headers, service_headers

from inference_service.predictions.models import Prediction
from inference_service.runtime.model_session import OnnxModelSession
from lightbox_shared.database import Database

PATHS = {
    "/api/chexray/upload": ("image", {"title": "PA"}),
    "/api/chexray/anonupload": ("image", {"title": "PA"}),
    "/predict": ("file", {}),
    "/api/predictions": ("file", {"model": MODEL}),
    "/internal/predictions": ("file", {"model": MODEL, "account_id": "7"}),
}


class Gate:
    """Holds every run of a model until it is opened, and counts the runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs = 0
        self.opened = threading.Event()
        original = OnnxModelSession.run

        def held(session: OnnxModelSession, batch: Any) -> Any:
            self.runs += len(batch)
            assert self.opened.wait(20)
            return original(session, batch)

        monkeypatch.setattr(OnnxModelSession, "run", held)


@pytest.fixture
def gate(service: WithState, monkeypatch: pytest.MonkeyPatch) -> Gate:
    assert service.state  # models are loaded, and with that run, before
    return Gate(monkeypatch)


def posting(path: str, key: Key) -> httpx.Request:
    field, fields = PATHS[path]
    headers = service_headers(key) if path.startswith("/internal") else account_headers(key, 7)
    return httpx.Request(
        "POST", f"http://testserver{path}", data=fields, files={field: ("x", pictures.png())}, headers=headers
    )


async def send(service: WithState, request: httpx.Request, leaves: anyio.Event) -> list[Message]:
    """Answer a request whose client disconnects at the event; returns what was sent to it."""
    body = await request.aread()
    sent: list[Message] = []
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    await service(scope, receive, keep)
    return sent


async def wait_for(condition: Any) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - what runs in the service tells nobody
            await anyio.sleep(0.005)


@pytest.mark.parametrize("path", PATHS)
async def test_a_picture_that_waits_is_dropped(
    service: WithState, database: Database, key: Key, gate: Gate, path: str
) -> None:
    engine = service.state["services"].engine
    for name in ("means", "pair"):
        gate.opened.set()
        await engine.load(service.state["services"].catalog.find(name))
    gate.opened.clear()
    scheduler = engine.scheduler
    already = gate.runs
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, service, posting("/api/chexray/upload", key), anyio.Event())
        await wait_for(lambda: gate.runs == already + 1)  # takes the only core
        leaves = anyio.Event()
        left: list[Message] = []

        async def leaving() -> None:
            left.extend(await send(service, posting(path, key), leaves))

        tasks.start_soon(leaving)
        await wait_for(lambda: scheduler.admitted == 2)
        await anyio.sleep(0.1)  # decoded, and in the queue
        leaves.set()
        await wait_for(lambda: scheduler.admitted == 1)  # while the other one still runs
        gate.opened.set()
    assert gate.runs == already + 1
    assert scheduler.admitted == 0
    assert [each["status"] for each in left if each["type"] == "http.response.start"] == [400]
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Prediction)) == 1


async def test_a_heatmap_that_waits_is_dropped(
    service: WithState, key: Key, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await client.post(
        "/api/predictions",
        data={"model": "maps"},
        files={"file": ("x", pictures.png())},
        headers=account_headers(key, 7),
    )
    gate = Gate(monkeypatch)
    scheduler = service.state["services"].engine.scheduler
    path = f"http://testserver/api/predictions/{made.json()['id']}/heatmap"
    leaves = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send, service, posting("/api/chexray/upload", key), anyio.Event())
        await wait_for(lambda: gate.runs == 1)
        tasks.start_soon(send, service, httpx.Request("GET", path, headers=account_headers(key, 7)), leaves)
        await wait_for(lambda: scheduler.admitted == 2)
        leaves.set()
        await wait_for(lambda: scheduler.admitted == 1)
        gate.opened.set()
    assert scheduler.admitted == 0
