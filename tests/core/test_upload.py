"""Sending pictures over HTTP: answers, retries, conflicts, and what uploads hold in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
from support import pictures
from support.asgi import WithState, client_of, running
from support.collection import AT, DEVICE, IMAGES, TIMESTAMP, MakeCoreSettings, cbor_document, document, send

from core_collection_service.app import create_app
from lightbox_shared.concurrency.memory_budget import SMALL_BYTES, UploadMemoryBudget

PNG = pictures.png()
BMP = pictures.encoded(pictures.GREY, "BMP")
CBOR = {"Content-Type": "application/cbor"}


def memory_of(core: WithState) -> UploadMemoryBudget:
    memory: UploadMemoryBudget = core.state["services"].upload_memory
    return memory


def metric(text: str, name: str) -> float:
    line = next(each for each in text.splitlines() if each.startswith(f'{name}_total{{collection="images"}}'))
    return float(line.rpartition(" ")[2])


async def test_the_metadata(client: httpx.AsyncClient) -> None:
    answer = await client.post(IMAGES, json=document())
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["location"] == f"{IMAGES}?deviceId=12345&timestamp=2024-08-18T02%3A04%3A07Z"
    body = answer.json()
    received = body.pop("receivedAt")
    assert received.endswith("Z")
    assert body == {
        "id": 1,
        "deviceId": DEVICE,
        "timestamp": TIMESTAMP,
        "mediaType": "image/png",
        "width": 64,
        "height": 48,
        "size": len(PNG),
        "sha256": pictures.sha256_hex(PNG),
        "encoding": None,
        "storedSize": len(PNG),
        "collection": "images",
        "href": "/collections/images/1",
    }
    assert (await client.get(answer.headers["location"])).content == PNG
    assert (await client.get(body["href"])).content == PNG


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"]
)
async def test_json_with_any_parameters(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(IMAGES, content=json.dumps(document()), headers={"Content-Type": content_type})
    assert answer.status_code == 201


async def test_every_form_is_one_picture(client: httpx.AsyncClient) -> None:
    first = await client.post(IMAGES, content=cbor_document(), headers=CBOR)
    assert first.status_code == 201
    in_text = cbor2.dumps(document())
    forms: list[dict[str, Any]] = [
        {"content": in_text, "headers": CBOR},
        {"content": in_text.hex().encode(), "headers": CBOR},
        {"json": document(timestamp="2024-08-18T04:04:07+02:00")},
        {"json": {**document(), "more": {"is": ["ignored"]}}},
        {"content": cbor_document(), "headers": {**CBOR, "Content-Type": "application/cbor; x=y"}},
    ]
    for form in forms:
        answer = await client.post(IMAGES, **form)
        assert (answer.status_code, answer.json()) == (200, first.json())
        assert answer.headers["location"] == first.headers["location"]


async def test_cbor_is_answered_in_cbor(client: httpx.AsyncClient) -> None:
    answer = await client.post(IMAGES, content=cbor_document(), headers={**CBOR, "Accept": "application/cbor"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/cbor")
    assert cbor2.loads(answer.content)["sha256"] == pictures.sha256_hex(PNG)
    again = await client.post(IMAGES, content=cbor_document(), headers={**CBOR, "Accept": "image/png"})
    assert (again.status_code, again.headers["content-type"]) == (200, "application/json")


async def test_another_picture_of_the_same_instant(client: httpx.AsyncClient) -> None:
    await send(client)
    answer = await client.post(IMAGES, json=document(BMP, timestamp="2024-08-18T02:04:07.000Z"))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/another-picture")
    assert (await client.get(IMAGES, params=AT)).content == PNG
    for other in ({"device": "12346"}, {"timestamp": "2024-08-18T02:04:07.000001Z"}):
        assert (await client.post(IMAGES, json=document(BMP, **other))).status_code == 201


@pytest.mark.parametrize("same", [True, False])
async def test_many_at_the_same_moment(client: httpx.AsyncClient, same: bool) -> None:
    bodies = [document(pictures.png(64, 48 if same else 20 + number)) for number in range(24)]
    answers = await asyncio.gather(*(client.post(IMAGES, json=body) for body in bodies))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == ([200] * 23 + [201] if same else [201] + [409] * 23)
    winner = next(answer for answer in answers if answer.status_code == 201).json()
    kept = await client.get(IMAGES, params=AT)
    assert pictures.sha256_hex(kept.content) == winner["sha256"]
    listed = (await client.get("/collections/devices")).json()["devices"]
    assert [each["pictures"] for each in listed] == [1]


async def test_a_picture_that_zstd_makes_smaller(client: httpx.AsyncClient) -> None:
    body = await send(client, BMP)
    assert body["encoding"] == "zstd"
    assert body["storedSize"] < body["size"] == len(BMP)
    assert (await client.get(body["href"])).content == BMP


async def test_metrics_of_submissions(client: httpx.AsyncClient) -> None:
    body = await send(client, BMP)
    await client.post(IMAGES, json=document(BMP))
    await client.post(IMAGES, json=document(PNG))
    text = (await client.get("/metrics")).text
    expected = {
        "pictures_kept": 1,
        "received_bytes": body["size"],
        "stored_bytes": body["storedSize"],
        "pictures_repeated": 1,
        "conflicts": 1,
    }
    assert {name: metric(text, f"lightbox_collection_{name}") for name in expected} == expected


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def test_a_body_without_a_length(core: WithState, client: httpx.AsyncClient) -> None:
    answer = await client.post(IMAGES, content=pieces(cbor_document(), 7), headers=CBOR)
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 201
    assert memory_of(core).held == 0


async def leaving(core: WithState, sent: bytes) -> tuple[int, list[Any]]:
    """The memory that is held when a client disconnects that has announced more than it has sent, and the answer."""
    held: list[int] = []
    messages = [{"type": "http.request", "body": sent, "more_body": True}]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        held.append(memory_of(core).held)
        return {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", b"application/cbor"), (b"content-length", b"1000000")]
    scope = {"type": "http", "method": "POST", "path": IMAGES, "raw_path": IMAGES.encode(), "query_string": b""}
    await core({**scope, "headers": headers, "http_version": "1.1", "scheme": "http"}, receive, collect)
    return held[0], answers


async def test_a_client_that_disconnects_holds_nothing(core: WithState, client: httpx.AsyncClient) -> None:
    sent = cbor_document()[:100]
    held, answers = await leaving(core, sent)
    assert held == len(sent)
    assert answers[0]["status"] == 400
    assert memory_of(core).held == 0
    assert (await client.get(IMAGES, params=AT)).status_code == 404


async def test_too_many_uploads_at_once(core: WithState, client: httpx.AsyncClient) -> None:
    with ExitStack() as others:
        for size in (*[SMALL_BYTES] * 255, SMALL_BYTES - 1000):
            others.enter_context(memory_of(core).reserve(size))
        for content in (cbor_document(bytes(2000)), pieces(cbor_document(bytes(2000)), 500)):
            answer = await client.post(IMAGES, content=content, headers=CBOR)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (await client.post(IMAGES, content=cbor_document(), headers=CBOR)).status_code == 201
    assert memory_of(core).held == 0


async def test_several_collections(make_core_settings: MakeCoreSettings) -> None:
    settings = make_core_settings(collections="images:simple.act,thermal:camera.thermal")
    async with running(create_app(settings)) as app, client_of(app) as client:
        for name, data in (("images", PNG), ("thermal", BMP)):
            answer = await client.post(f"/collections/{name}", json=document(data))
            assert (answer.status_code, answer.json()["collection"]) == (201, name)
        assert (await client.get("/collections/images/2")).status_code == 404
        assert (await client.get("/collections/thermal/2")).content == BMP


def test_the_sizes_that_the_documentation_compares() -> None:
    picture = bytes(50_000)
    in_text = document(picture)
    sizes = {
        "CBOR, `imageData` a byte string": len(cbor_document(picture)),
        "CBOR, `imageData` base64 in a text": len(cbor2.dumps(in_text)),
        "JSON, `imageData` base64 in a text": len(json.dumps(in_text, separators=(",", ":"))),
        "CBOR with base64, written in hexadecimal digits": len(cbor2.dumps(in_text).hex()),
    }
    page = (Path(__file__).parents[2] / "docs" / "collection.md").read_text()
    assert [name for name, size in sizes.items() if f"| {name} | {size:,} |" not in page] == []
