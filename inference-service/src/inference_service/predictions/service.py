"""Running a model on a picture (decode, preprocess, run, score), and recording the prediction."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from PIL import Image

from inference_service.heatmaps.drawing import LONGEST_EDGE, Legend, draw_heatmap, drawn_size, to_drawn_size
from inference_service.model_repository.tensors import PREPROCESSING_VERSION, Tensor, to_scores, to_tensor
from inference_service.predictions import repository
from inference_service.predictions.models import Prediction
from inference_service.predictions.repository import PredictionFilter
from inference_service.predictions.schemas import LabelFields
from inference_service.renditions.service import LoadPicture
from inference_service.runtime.engine import Engine, LoadedModel
from lightbox_shared.concurrency.cancelling import cancel_and_wait
from lightbox_shared.concurrency.decoding import DecodingThreads
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import MediaType, decode_grey, inspect
from lightbox_shared.storage.blobs import sha256

StorePicture = Callable[[bytes], Coroutine[None, None, None]]
"""Stores a picture, given the SHA-256 of its bytes. Called after the picture was decoded without errors."""


async def store_nothing(_digest: bytes) -> None:
    """For a picture that is not kept."""


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

    def __init__(self, engine: Engine, *, decoding: DecodingThreads, drawing: DecodingThreads, max_pixels: int) -> None:
        """`decoding` is for pictures that are read, `drawing` for heatmaps; `max_pixels` is the largest size of a
        picture."""
        self._engine = engine
        self._decoding = decoding
        self._drawing = drawing
        self._max_pixels = max_pixels

    async def predict(self, data: bytes, model: LoadedModel, store: StorePicture = store_nothing) -> PredictionResult:
        """Decode a picture, and run a model on it. `store` runs at the same time as the model.

        Raises `PictureError` if the bytes can't be decoded, `Unavailable` if too many pictures are waiting, and the
        exceptions of `store`.
        """
        scheduler = self._engine.scheduler
        with scheduler.admit(model.plan):
            target = model.version.description.input
            work = partial(self._prepare, data, model)
            digest, media_type, tensor = await self._decoding.decode(data, work, min_size=(target.width, target.height))
            storing = asyncio.create_task(store(digest))
            try:
                raw = await scheduler.run(model.plan, tensor)
            except BaseException:
                await cancel_and_wait([storing])
                raise
            await storing
        return PredictionResult(model, digest, media_type, to_scores(raw, model.version.description.output))

    async def heatmap(self, load: LoadPicture, model: LoadedModel, legend: Legend) -> bytes:
        """A PNG of the picture with the class-activation map of `legend.label` over it. The model must have maps.

        Raises `PictureError` and `Unavailable`, as `predict` does, and the exceptions of `load`.
        """
        description = model.version.description
        plan, scheduler = model.maps, self._engine.scheduler
        if plan is None:
            raise ValueError(f"{model.version.identity} has no class-activation maps")
        place = description.output.labels.index(legend.label)
        with scheduler.admit(plan):
            side = max(LONGEST_EDGE, description.input.width, description.input.height)
            async with self._drawing.turn() as turn:
                data = await load()
                prepare = partial(self._prepare_to_draw, data, model)
                tensor, picture = await turn.decode(data, prepare, min_size=(side, side))
            maps = await scheduler.run(plan, tensor)
            draw = partial(draw_heatmap, picture, maps[place], description.input.crop, legend)
            return await self._drawing.run(draw)

    def _prepare(self, data: bytes, model: LoadedModel) -> tuple[bytes, MediaType, Tensor]:
        target = model.version.description.input
        picture = decode_grey(data, max_pixels=self._max_pixels, min_size=(target.width, target.height))
        return sha256(data), picture.media_type, to_tensor(picture, target)

    def _prepare_to_draw(self, data: bytes, model: LoadedModel) -> tuple[Tensor, Image.Image]:
        """The tensor, and the picture as it is drawn, small while it waits.

        A picture is decoded once. So a large JPEG is decoded at another size than for the prediction, and its tensor is
        that of the prediction up to the difference between two ways to make a picture smaller.
        """
        target = model.version.description.input
        info = inspect(data, max_pixels=self._max_pixels)
        least = min(drawn_size((info.width, info.height)))
        min_size = (max(target.width, least), max(target.height, least))
        picture = decode_grey(data, max_pixels=self._max_pixels, min_size=min_size)
        return to_tensor(picture, target), to_drawn_size(picture.image, drawn_size((info.width, info.height)))


async def record(
    session: WriteSession,
    result: PredictionResult,
    account_id: int,
    *,
    title: str = "",
    keeps_picture: bool = False,
    anonymous_bytes: int | None = None,
) -> Prediction:
    """Insert the record of a prediction for an account. With `keeps_picture` it refers to its picture, which must be
    stored. `anonymous_bytes` is what is counted for it among all that strangers store."""
    version = result.model.version
    output = version.description.output
    prediction = Prediction(
        account_id=account_id,
        title=title,
        input_sha256=result.sha256,
        picture_sha256=result.sha256 if keeps_picture else None,
        media_type=result.media_type.value,
        model_name=version.name,
        model_version=version.version,
        model_sha256=bytes.fromhex(version.description.sha256),
        preprocessing_version=PREPROCESSING_VERSION,
        thresholds={label: each for label, each in zip(output.labels, output.thresholds, strict=True) if label},
        scores=result.scores,
        anonymous_bytes=anonymous_bytes,
    )
    return await repository.add(session, prediction)


async def find_owned(session: ReadSession, prediction_id: int, account_id: int) -> Prediction:
    """The prediction with this id, if it belongs to the account. Raises `NotFound`."""
    found = await repository.find(session, prediction_id)
    if found is None or found.account_id != account_id:
        raise NotFound
    return found


def filter_of(title: str, model: str | None) -> PredictionFilter:
    """The filter that a query means; `model` is `name` or `name/version`. Raises `InvalidRequest` for another form."""
    if model is None:
        return PredictionFilter(title)
    name, _, version = model.partition("/")
    if not version and model == name and name:
        return PredictionFilter(title, name)
    if not name or not version.isascii() or not version.isdigit() or int(version) >= 2**63:
        raise InvalidRequest.of("model", "This must be `name` or `name/version`, as in /api/models.", "query")
    return PredictionFilter(title, name, int(version))


async def put_label(session: WriteSession, prediction_id: int, label: LabelFields, service: str) -> None:
    """Keep the ground truth of a prediction, as another service tells it. Raises `NotFound`."""
    if not await repository.lock(session, prediction_id):
        raise NotFound
    await repository.put_label(session, {"prediction_id": prediction_id, "source": service, **label.model_dump()})
