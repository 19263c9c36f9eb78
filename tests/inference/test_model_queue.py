"""What administrators and the metrics are told about the queue before the models, while pictures wait in it."""

import asyncio
import math
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from support import pictures
from support.asgi import WithState
from support.databases import FreshDatabase
from support.gateway import Key, until
from support.inference import MODEL, account_headers, running_inference

from inference_service.runtime.calibration import ExecutionPlan
from inference_service.runtime.model_session import OnnxModelSession
from inference_service.runtime.scheduler import RECENT, Scheduler
from lightbox_shared.auth.principal import Authority

PATH = "/api/models/queue"
WAITING = 3
ADMIN = {"authority": int(Authority.ADMIN)}


class Gate:
    """Holds every run of a model until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        original = OnnxModelSession.run

        def held(session: OnnxModelSession, batch: Any) -> Any:
            assert self.opened.wait(20)
            return original(session, batch)

        monkeypatch.setattr(OnnxModelSession, "run", held)


@pytest.fixture
async def service(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> AsyncIterator[WithState]:
    """The service with one core, before which three pictures may wait."""
    url = fresh_database("inference_service")
    async with running_inference(url, tmp_path, key, inference_queue=WAITING) as app:
        yield app


async def queue(client: httpx.AsyncClient, key: Key) -> dict[str, Any]:
    answer = await client.get(PATH, headers=account_headers(key, 1, **ADMIN))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


def of(queue: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in queue["models"] if each["name"] == name]
    assert isinstance(found, dict)
    return found


async def metrics(client: httpx.AsyncClient) -> dict[str, float]:
    """The samples of the scheduler by name and labels."""
    lines = (await client.get("/metrics")).text.splitlines()
    found = [re.fullmatch(r"(lightbox_model_\S+) (\S+)", line) for line in lines]
    return {each[1]: float(each[2]) for each in found if each}


def places(scheduler: Scheduler, model: str) -> tuple[int, int]:
    """How many pictures of a model run, and how many wait."""
    load = scheduler.loads.get(model)
    return (0, 0) if load is None else (load.running, load.waiting)


def post(client: httpx.AsyncClient, key: Key, model: str = MODEL) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(
        client.post(
            "/api/predictions",
            data={"model": model},
            files={"file": ("x", pictures.png())},
            headers=account_headers(key, 7),
        )
    )


async def test_nothing_waits(client: httpx.AsyncClient, key: Key) -> None:
    told = await queue(client, key)
    assert (told["capacity"], told["admitted"], told["workers"]) == (WAITING + 1, 0, 1)
    assert told["estimated_wait_seconds"] == 0
    quiet = {"preparing": 0, "waiting": 0, "running": 0, "refused": 0, "runs": 0, "recent_run_seconds": None}
    assert of(told, "means") == {"name": "means", "version": 1, "loaded": True, **quiet}
    assert of(told, "maps") == {"name": "maps", "version": 1, "loaded": False, **quiet}
    assert {each["name"] for each in told["models"]} >= {"chest-findings", "covid19", "means", "maps", "pair"}


async def test_pictures_that_wait_run_and_are_refused(
    service: WithState, client: httpx.AsyncClient, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler: Scheduler = service.state["services"].engine.scheduler
    gate = Gate(monkeypatch)
    sent = [post(client, key) for _ in range(2)]
    await until(lambda: places(scheduler, "means/1") == (1, 1))
    sent += [
        asyncio.create_task(client.post("/predict", files={"file": ("x", pictures.png())})) for _ in range(WAITING - 1)
    ]
    await until(lambda: places(scheduler, "pair/1") == (0, WAITING - 1))

    full = await queue(client, key)
    assert (full["admitted"], full["capacity"]) == (4, 4)
    assert full["estimated_wait_seconds"] == pytest.approx(scheduler.estimated_wait, abs=1e-3)
    assert scheduler.estimated_wait > 0
    refused = await post(client, key)
    assert (refused.status_code, refused.json()["detail"]) == (503, "Too many pictures are waiting for a model.")
    assert int(refused.headers["retry-after"]) == max(math.ceil(scheduler.estimated_wait), 1)

    told = await queue(client, key)
    members = ("preparing", "waiting", "running", "refused", "runs")
    assert [of(told, "means")[each] for each in members] == [0, 1, 1, 1, 0]
    assert [of(told, "pair")[each] for each in members] == [0, 2, 0, 0, 0]
    seen = await metrics(client)
    assert seen["lightbox_model_queue_capacity"] == 4
    for name in ("means", "pair"):
        for state in ("preparing", "waiting", "running"):
            sample = f'lightbox_model_pictures{{model="{name}/1",state="{state}"}}'
            assert seen[sample] == of(told, name)[state]
        assert seen[f'lightbox_model_refused_total{{model="{name}/1"}}'] == of(told, name)["refused"]

    gate.opened.set()
    assert {each.status_code for each in await asyncio.gather(*sent)} == {200, 201}
    told = await queue(client, key)
    assert (told["admitted"], told["estimated_wait_seconds"]) == (0, 0)
    assert [of(told, "means")[each] for each in members] == [0, 0, 0, 1, 2]
    assert [of(told, "pair")[each] for each in members[:4]] == [0, 0, 0, 0]
    assert of(told, "pair")["runs"] in {1, 2}  # both pictures in one batch, if the calibration says so
    seen = await metrics(client)
    assert seen['lightbox_model_runs_total{model="means/1"}'] == 2
    mean = seen['lightbox_model_run_seconds_total{model="means/1"}'] / 2
    assert of(told, "means")["recent_run_seconds"] == pytest.approx(mean)


async def test_who_leaves_while_it_waits_is_not_counted(
    service: WithState, client: httpx.AsyncClient, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler: Scheduler = service.state["services"].engine.scheduler
    gate = Gate(monkeypatch)
    runs, waits = post(client, key), post(client, key)
    await until(lambda: places(scheduler, "means/1") == (1, 1))
    for task, left in ((waits, [0, 0, 1]), (runs, [0, 0, 1])):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: places(scheduler, "means/1") == (1, 0))  # the service learns of it a moment later
        told = of(await queue(client, key), "means")
        assert [told[each] for each in ("preparing", "waiting", "running")] == left  # a run goes on to its end
    assert (await queue(client, key))["admitted"] == 0
    gate.opened.set()
    await until(lambda: scheduler.loads["means/1"].running == 0)
    assert of(await queue(client, key), "means")["runs"] == 1


async def test_the_last_pictures_say_how_long_the_next_ones_take() -> None:
    now = [0.0]

    class Session:
        """Takes as many seconds as the picture says."""

        def run(self, batch: np.ndarray) -> np.ndarray:
            now[0] += float(batch.max())
            return np.zeros((len(batch), 1), dtype=np.float32)

    def picture(seconds: float) -> np.ndarray:
        return np.full((1, 2, 2), seconds, dtype=np.float32)

    async def read(seconds: float, *, preparing: float) -> None:
        with scheduler.admit(plan):
            now[0] += preparing
            await scheduler.run(plan, picture(seconds))

    scheduler = Scheduler(cores=2, queue_limit=9, clock=lambda: now[0])
    plan = ExecutionPlan(Session(), None, 1, {"one thread": 4000.0}, model="x/1")
    with scheduler.admit(plan):
        assert scheduler.estimated_wait == 2  # by the calibration: four seconds on one of two cores
        await read(50, preparing=10)  # sixty seconds, with one before it
        load = scheduler.loads["x/1"]
        assert (load.recent_run_seconds, load.seconds_per_turn, scheduler.estimated_wait) == (50, 30, 30)
        for _ in range(RECENT):
            await read(1, preparing=3)
        assert (load.recent_run_seconds, load.seconds_per_turn, scheduler.estimated_wait) == (1, 2, 2)
        with scheduler.admit(plan), scheduler.admit(plan):
            assert scheduler.estimated_wait == 6
    assert load.run_seconds == 50 + RECENT
    assert scheduler.estimated_wait == 0
    await scheduler.close()


async def test_only_administrators_see_it(client: httpx.AsyncClient, key: Key) -> None:
    for status, headers in (
        (401, {}),
        (403, account_headers(key, 7)),
        (403, account_headers(key, 7, scope="read")),
        (403, account_headers(key, 1, **ADMIN, scope="predict")),
        (200, account_headers(key, 1, **ADMIN, scope="read")),
    ):
        assert (await client.get(PATH, headers=headers)).status_code == status
    assert (await client.get(f"{PATH}/1")).status_code == 404  # no model has that name
