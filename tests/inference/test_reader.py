"""Reading a picture: what is kept, when, and what is told of a failure."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from support import pictures
from support.onnx_models import FINDINGS, write_model

from inference_service.model_repository.catalog import ModelCatalog
from inference_service.predictions.service import PictureReader
from inference_service.runtime.engine import Engine, LoadedModel
from inference_service.runtime.scheduler import Scheduler
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
    kept: list[bytes] = []

    async def keep(digest: bytes) -> None:
        kept.append(digest)

    reader = PictureReader(engine, decoders=2, max_pixels=LIMIT)
    read = await reader.read(pictures.png(), model, keep)
    assert [each.hex() for each in kept] == [pictures.sha256_hex(pictures.png())]
    assert read.sha256.hex() == pictures.sha256_hex(pictures.png())
    assert read.media_type is MediaType.PNG
    assert list(read.serving("chexray")) == list(FINDINGS)
    assert (await reader.read(pictures.png(), model)).scores == read.scores


async def test_what_is_no_picture_is_not_kept(engine: Engine, model: LoadedModel) -> None:
    async def keep(_digest: bytes) -> None:
        pytest.fail("kept something that is no picture")

    reader = PictureReader(engine, decoders=2, max_pixels=LIMIT)
    with pytest.raises(PictureError):
        await reader.read(b"no picture", model, keep)
    assert engine.scheduler.admitted == 0


async def test_a_picture_that_can_not_be_kept_is_not_answered(engine: Engine, model: LoadedModel) -> None:
    async def keep(_digest: bytes) -> None:
        raise Unavailable

    reader = PictureReader(engine, decoders=2, max_pixels=LIMIT)
    with pytest.raises(Unavailable):
        await reader.read(pictures.png(), model, keep)
    assert engine.scheduler.admitted == 0
