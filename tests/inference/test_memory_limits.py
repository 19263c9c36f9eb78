"""What has no room in memory is refused in the form of each system, and readers do not keep uploads waiting."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import httpx
import pytest
from support import pictures
from support.asgi import WithState, client_of
from support.gateway import Key, until
from support.inference import MODEL, account_headers

from inference_service.predictions.service import Predictor
from lightbox_shared.concurrency.decoding import BUSY, DecodingBudget, DecodingThreads
from lightbox_shared.concurrency.memory_budget import UploadMemoryBudget

UPLOADS_BUSY = "Too many uploads are under way."
PROBLEM = "application/problem+json"


def sentence(answer: httpx.Response) -> tuple[int, str, str]:
    """The status of a refusal, its `Retry-After`, and its sentence."""
    body = answer.json()
    said = body.get("ERROR") or body.get("detail") or body
    return answer.status_code, answer.headers["retry-after"], said


async def refusals(app: WithState, key: Key) -> dict[str, tuple[int, str, str]]:
    """What each upload is answered."""
    headers, png = account_headers(key, 7), pictures.png()
    async with client_of(app) as http:
        return {
            path: sentence(await http.post(path, data=fields, files={field: png}, headers=headers))
            for path, field, fields in (
                ("/api/chexray/upload", "image", {}),
                ("/api/chexray/anonupload", "image", {}),
                ("/predict", "file", {}),
                ("/api/predictions", "file", {"model": MODEL}),
            )
        }


async def test_without_memory_for_uploads(service: WithState, key: Key) -> None:
    memory = UploadMemoryBudget(1000)
    app = WithState(service.app, {**service.state, "upload_memory": memory})
    with memory.reserve(1000):
        assert set((await refusals(app, key)).values()) == {(503, "2", UPLOADS_BUSY)}
    assert memory.held == 0


async def test_without_memory_for_decoding(service: WithState, key: Key) -> None:
    services, budget = service.state["services"], DecodingBudget(1000, max_waiting=0)
    threads = DecodingThreads(budget, 1, max_pixels=10_000)
    predictor = Predictor(services.engine, decoding=threads, drawing=threads, max_pixels=10_000)
    app = WithState(service.app, {**service.state, "services": replace(services, predictor=predictor)})
    async with budget.reserve(1000):
        assert set((await refusals(app, key)).values()) == {(503, "2", BUSY)}
    assert services.engine.scheduler.admitted == 0


async def test_who_looks_at_heatmaps_does_not_keep_uploads_waiting(
    service: WithState, client: httpx.AsyncClient, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, Any] = {
        "files": {"file": pictures.png()},
        "data": {"model": "maps"},
        "headers": account_headers(key, 7),
    }
    made = [(await client.post("/api/predictions", **sent)).json()["id"] for _ in range(16)]
    begun, go_on, original = threading.Event(), threading.Event(), Predictor._prepare_to_draw

    def held(self: Predictor, *arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return original(self, *arguments)

    monkeypatch.setattr(Predictor, "_prepare_to_draw", held)
    looking = [
        asyncio.create_task(client.get(f"/api/predictions/{each}/heatmap", headers=account_headers(key, 7)))
        for each in made
    ]
    await until(begun.is_set)
    # There is one core, and one thread that decodes for models; it is not the one of the readers.
    assert (await asyncio.wait_for(client.post("/api/predictions", **sent), 20)).status_code == 201
    assert not any(each.done() for each in looking)
    go_on.set()
    assert {each.status_code for each in await asyncio.gather(*looking)} == {200}
    assert service.state["services"].engine.scheduler.admitted == 0
