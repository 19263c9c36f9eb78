"""Running a model on a picture: what is stored, when, and what errors are raised."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from support import pictures
from support.onnx_models import FINDINGS, write_model

from inference_service.model_repository.catalog import ModelCatalog
from inference_service.predictions.service import Predictor
from inference_service.runtime.engine import Engine, LoadedModel
from inference_service.runtime.scheduler import Scheduler
from lightbox_shared.concurrency.decoding import DecodingBudget, DecodingThreads
from lightbox_shared.errors import Unavailable
from lightbox_shared.images import MediaType, PictureError

LIMIT = 1_000_000


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    scheduler = Scheduler(cores=2, queue_limit=4)
    yield Engine(scheduler, cores=2, providers=("CPUExecutionProvider",))
    await scheduler.close()


@pytest.fixture
async def model(engine: Engine, tmp_path: Path) -> LoadedModel:
    write_model(tmp_path)
    version = (await to_thread.run_sync(ModelCatalog.scan, [tmp_path])).find("means")
    assert version is not None
    return await engine.load(version)


async def test_a_picture_is_kept_once_and_scored_by_wire_names(engine: Engine, model: LoadedModel) -> None:
    stored: list[bytes] = []

    async def store(digest: bytes) -> None:
        stored.append(digest)

    threads = DecodingThreads(DecodingBudget(2**30), 2, max_pixels=LIMIT)
    predictor = Predictor(engine, decoding=threads, drawing=threads, max_pixels=LIMIT)
    result = await predictor.predict(pictures.png(), model, store)
    assert [each.hex() for each in stored] == [pictures.sha256_hex(pictures.png())]
    assert result.sha256.hex() == pictures.sha256_hex(pictures.png())
    assert result.media_type is MediaType.PNG
    assert list(result.scores_for("chexray")) == list(FINDINGS)
    assert (await predictor.predict(pictures.png(), model)).scores == result.scores


async def test_what_is_no_picture_is_not_kept(engine: Engine, model: LoadedModel) -> None:
    async def store(_digest: bytes) -> None:
        pytest.fail("kept something that is no picture")

    threads = DecodingThreads(DecodingBudget(2**30), 2, max_pixels=LIMIT)
    predictor = Predictor(engine, decoding=threads, drawing=threads, max_pixels=LIMIT)
    with pytest.raises(PictureError):
        await predictor.predict(b"no picture", model, store)
    assert engine.scheduler.admitted == 0


async def test_a_picture_that_can_not_be_kept_is_not_answered(engine: Engine, model: LoadedModel) -> None:
    async def store(_digest: bytes) -> None:
        raise Unavailable

    threads = DecodingThreads(DecodingBudget(2**30), 2, max_pixels=LIMIT)
    predictor = Predictor(engine, decoding=threads, drawing=threads, max_pixels=LIMIT)
    with pytest.raises(Unavailable):
        await predictor.predict(pictures.png(), model, store)
    assert engine.scheduler.admitted == 0


async def test_where_the_model_fails_the_storing_has_ended(
    engine: Engine, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, has_ended = asyncio.Event(), False

    async def store(_digest: bytes) -> None:
        nonlocal has_ended
        storing.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0.01)
            has_ended = True

    async def fail(*_args: object) -> None:
        await storing.wait()
        raise Unavailable

    monkeypatch.setattr(engine.scheduler, "run", fail)
    threads = DecodingThreads(DecodingBudget(2**30), 2, max_pixels=LIMIT)
    predictor = Predictor(engine, decoding=threads, drawing=threads, max_pixels=LIMIT)
    with pytest.raises(Unavailable):
        await predictor.predict(pictures.png(), model, store)
    assert has_ended
