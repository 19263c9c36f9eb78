"""Reading a picture with a model: decode, crop, scale, run, score; and the record of it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from inference_service.model_repository.tensors import PREPROCESSING_VERSION, Tensor, to_scores, to_tensor
from inference_service.predictions import repository
from inference_service.predictions.models import Prediction
from inference_service.runtime.engine import Engine, LoadedModel
from lightbox_shared.blobs import sha256
from lightbox_shared.database import WriteSession
from lightbox_shared.images import MediaType, decode_grey

Keep = Callable[[bytes], Coroutine[None, None, None]]
"""Stores the bytes of a picture, given their SHA-256; called once they are known to be a picture."""


async def _keep_nothing(_digest: bytes) -> None:
    pass


@dataclass(frozen=True, slots=True)
class PictureRead:
    """What a model says of a picture, not stored yet."""

    model: LoadedModel
    sha256: bytes
    media_type: MediaType
    scores: dict[str, float]

    def serving(self, system: str) -> dict[str, float]:
        """The scores under the names of a system's wire format."""
        fields = self.model.version.description.serves[system]
        return {field: self.scores[label] for field, label in fields.items()}


class PictureReader:
    """Reads pictures; the CPU's part happens in threads."""

    def __init__(self, engine: Engine, *, decoders: int, max_pixels: int) -> None:
        self._engine = engine
        self._decoding = CapacityLimiter(decoders)
        self._max_pixels = max_pixels

    async def read(self, data: bytes, model: LoadedModel, keep: Keep = _keep_nothing) -> PictureRead:
        """Raises `PictureError` for what is no picture, and `Unavailable` when too many are being read.

        `keep` runs beside the model: both take their time, and neither needs the other. Raises what `keep` raises.
        """
        scheduler = self._engine.scheduler
        with scheduler.admit(model.plan):
            digest, media_type, tensor = await to_thread.run_sync(self._prepare, data, model, limiter=self._decoding)
            keeping = asyncio.create_task(keep(digest))
            try:
                raw = await scheduler.run(model.plan, tensor)
            except BaseException:
                keeping.cancel()
                raise
            await keeping
        return PictureRead(model, digest, media_type, to_scores(raw, model.version.description.output))

    def _prepare(self, data: bytes, model: LoadedModel) -> tuple[bytes, MediaType, Tensor]:
        wanted = model.version.description.input
        picture = decode_grey(data, max_pixels=self._max_pixels, least_size=(wanted.width, wanted.height))
        return sha256(data), picture.media_type, to_tensor(picture, wanted)


async def record(session: WriteSession, read: PictureRead, account_id: int) -> Prediction:
    """Store the prediction."""
    version = read.model.version
    output = version.description.output
    prediction = Prediction(
        account_id=account_id,
        input_sha256=read.sha256,
        media_type=read.media_type.value,
        model_name=version.name,
        model_version=version.version,
        model_sha256=bytes.fromhex(version.description.sha256),
        preprocessing_version=PREPROCESSING_VERSION,
        thresholds={label: each for label, each in zip(output.labels, output.thresholds, strict=True) if label},
        scores=read.scores,
    )
    return await repository.add(session, prediction)
