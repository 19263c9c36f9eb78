"""Running a model on a picture (decode, preprocess, run, score), and recording the prediction."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from inference_service.model_repository.tensors import PREPROCESSING_VERSION, Tensor, to_scores, to_tensor
from inference_service.predictions import repository
from inference_service.predictions.models import Prediction
from inference_service.predictions.schemas import LabelFields
from inference_service.runtime.engine import Engine, LoadedModel
from lightbox_shared.blobs import sha256
from lightbox_shared.database import WriteSession
from lightbox_shared.errors import NotFound
from lightbox_shared.images import MediaType, decode_grey

StorePicture = Callable[[bytes], Coroutine[None, None, None]]
"""Stores a picture, given the SHA-256 of its bytes. Called after the picture was decoded without errors."""


async def _store_nothing(_digest: bytes) -> None:
    pass


@dataclass(frozen=True, slots=True)
class PredictionResult:
    """The result of a model for a picture, which is not recorded yet."""

    model: LoadedModel
    sha256: bytes
    media_type: MediaType
    scores: dict[str, float]

    def scores_for(self, system: str) -> dict[str, float]:
        """The scores by the names of the fields in the responses of a system."""
        fields = self.model.version.description.serves[system]
        return {field: self.scores[label] for field, label in fields.items()}


class Predictor:
    """Runs models on pictures. Decoding and models run in threads."""

    def __init__(self, engine: Engine, *, decoders: int, max_pixels: int) -> None:
        """`decoders` is the number of pictures that are decoded at a time; `max_pixels` the largest size of one."""
        self._engine = engine
        self._decoding = CapacityLimiter(decoders)
        self._max_pixels = max_pixels

    async def predict(self, data: bytes, model: LoadedModel, store: StorePicture = _store_nothing) -> PredictionResult:
        """Decode a picture, and run a model on it. `store` runs at the same time as the model.

        Raises `PictureError` if the bytes can't be decoded, `Unavailable` if too many pictures are waiting, and the
        exceptions of `store`.
        """
        scheduler = self._engine.scheduler
        with scheduler.admit(model.plan):
            digest, media_type, tensor = await to_thread.run_sync(self._prepare, data, model, limiter=self._decoding)
            storing = asyncio.create_task(store(digest))
            try:
                raw = await scheduler.run(model.plan, tensor)
            except BaseException:
                storing.cancel()
                raise
            await storing
        return PredictionResult(model, digest, media_type, to_scores(raw, model.version.description.output))

    def _prepare(self, data: bytes, model: LoadedModel) -> tuple[bytes, MediaType, Tensor]:
        target = model.version.description.input
        picture = decode_grey(data, max_pixels=self._max_pixels, min_size=(target.width, target.height))
        return sha256(data), picture.media_type, to_tensor(picture, target)


async def record(session: WriteSession, result: PredictionResult, account_id: int) -> Prediction:
    """Insert the record of a prediction for an account."""
    version = result.model.version
    output = version.description.output
    prediction = Prediction(
        account_id=account_id,
        input_sha256=result.sha256,
        media_type=result.media_type.value,
        model_name=version.name,
        model_version=version.version,
        model_sha256=bytes.fromhex(version.description.sha256),
        preprocessing_version=PREPROCESSING_VERSION,
        thresholds={label: each for label, each in zip(output.labels, output.thresholds, strict=True) if label},
        scores=result.scores,
    )
    return await repository.add(session, prediction)


async def put_label(session: WriteSession, prediction_id: int, label: LabelFields, service: str) -> None:
    """Keep the ground truth of a prediction, as another service tells it. Raises `NotFound`."""
    if not await repository.exists(session, prediction_id):
        raise NotFound
    await repository.put_label(session, {"prediction_id": prediction_id, "source": service, **label.model_dump()})
