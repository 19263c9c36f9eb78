"""What a heatmap costs beyond the run of the model, with the bundled model on the samples."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from pathlib import Path

import pytest
from anyio import to_thread
from conftest import SAMPLES
from PIL import Image

from inference_service.config import BUNDLED_MODELS
from inference_service.heatmaps.drawing import Legend
from inference_service.model_repository.catalog import ModelCatalog
from inference_service.predictions.service import Predictor
from inference_service.runtime.engine import Engine, LoadedModel
from inference_service.runtime.scheduler import Scheduler
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads

MOST_MS = 20
ROUNDS = 9


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    scheduler = Scheduler(cores=1, queue_limit=4)
    yield Engine(scheduler, cores=1, providers=("CPUExecutionProvider",))
    await scheduler.close()


@pytest.fixture
async def model(engine: Engine) -> LoadedModel:
    version = (await to_thread.run_sync(ModelCatalog.scan, [BUNDLED_MODELS])).find("chest-findings")
    assert version is not None
    return await engine.load(version)


async def processor_ms(work: Callable[[], Awaitable[object]]) -> float:
    """Processor time of all threads: the least of some rounds, since what else runs on the machine adds to it."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        await work()
        best = min(best, (time.process_time() - before) * 1e3)
    return best


def enlarged(size: int) -> bytes:
    """A large radiograph as a JPEG, as digital detectors make them."""
    with Image.open(SAMPLES / "cardiomegaly.jpg") as image:
        buffer = BytesIO()
        image.resize((size, size)).save(buffer, "JPEG", quality=92)
        return buffer.getvalue()


async def data_of(name: str) -> bytes:
    if name == "large.jpg":
        return await to_thread.run_sync(enlarged, 2500)
    return await to_thread.run_sync(Path.read_bytes, SAMPLES / name)


@pytest.mark.parametrize("name", ["normal.png", "cardiomegaly.jpg", "edema.tiff", "pleural-effusion.dcm", "large.jpg"])
async def test_a_heatmap_takes_little_more_than_the_run(engine: Engine, model: LoadedModel, name: str) -> None:
    threads = DecodingThreads(DecodingBudget(2**30), 2, max_pixels=50_000_000)
    predictor = Predictor(engine, decoding=threads, drawing=threads, max_pixels=50_000_000)
    data, legend = await data_of(name), Legend("Cardiomegaly", 0.5)
    run = await processor_ms(lambda: predictor.predict(data, model))

    async def load() -> bytes:
        return data

    both = await processor_ms(lambda: predictor.heatmap(load, model, legend))
    assert both - run <= MOST_MS, f"{run:.1f} ms for the prediction, {both - run:.1f} ms more for the heatmap"
