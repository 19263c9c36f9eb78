"""The client for inference-service: pictures of X-rays, and predictions."""

from datetime import datetime
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict

from lightbox_shared.errors import NotFound, Unavailable
from lightbox_shared.http import ServiceClient

PREDICTION_SECONDS: Final = 60.0
"""How long a prediction may take: the first one of a model loads it."""


class XRays(Protocol):
    """A source of X-rays."""

    async def picture(self, xray_id: int, *, account_id: int, key: str) -> bytes:
        """The bytes of an X-ray as it was uploaded. Raises `NotFound` if there is none, or it belongs to another
        account and `key` does not open it; and `Unavailable`."""
        ...


class PictureRefused(Exception):
    """The model can't read the picture. The text says why."""


class LabelRefused(Exception):
    """The service does not take the label, and would not take it another time."""


class Prediction(BaseModel):
    """What a model says about a picture."""

    model_config = ConfigDict(protected_namespaces=())

    id: int
    model: str
    """name/version"""
    scores: dict[str, float]
    thresholds: dict[str, float]


class TruthToTell(BaseModel):
    """The ground truth of a picture, for the prediction about it."""

    fields: dict[str, Any]
    scheme: str
    """name/version"""
    source_id: int
    """The id of the label."""
    labelled_at: datetime


class Predictions(Protocol):
    """A service that runs models on pictures, and keeps what they have said."""

    async def newest_version(self, model: str) -> str | None:
        """A model as name/version: the newest one of a name, or the one that is named. None if there is none. Raises
        `Unavailable`."""
        ...

    async def predict(self, model: str, data: bytes, media_type: str, *, account_id: int) -> Prediction:
        """Run a model (name/version) for an account. Raises `PictureRefused` and `Unavailable`."""
        ...

    async def tell_truth(self, prediction_id: int, truth: TruthToTell) -> None:
        """Keep the ground truth beside the prediction, in place of an earlier one. Raises `NotFound` if the prediction
        is gone, `LabelRefused` and `Unavailable`."""
        ...


class InferenceService(ServiceClient):
    """Both of them, by the paths of inference-service."""

    async def picture(self, xray_id: int, *, account_id: int, key: str) -> bytes:
        """See `XRays.picture`."""
        answer = await self.get(f"/internal/xrays/{xray_id}/picture", account_id=account_id, key=key)
        if answer.status_code in {404, 422}:
            raise NotFound
        if answer.status_code != 200:
            raise Unavailable("inference-service does not give the picture.")
        return answer.content

    async def newest_version(self, model: str) -> str | None:
        """See `Predictions.newest_version`."""
        answer = await self.get("/api/models")
        if answer.status_code != 200:
            raise Unavailable("inference-service does not tell which models there are.")
        versions = [(str(each["name"]), int(each["version"])) for each in answer.json()["models"]]
        if "/" in model:
            return model if model in {f"{name}/{version}" for name, version in versions} else None
        newest = max((version for name, version in versions if name == model), default=None)
        return None if newest is None else f"{model}/{newest}"

    async def predict(self, model: str, data: bytes, media_type: str, *, account_id: int) -> Prediction:
        """See `Predictions.predict`."""
        answer = await self.post(
            "/internal/predictions",
            data={"model": model, "account_id": str(account_id)},
            files={"file": ("picture", data, media_type)},
            timeout_seconds=PREDICTION_SECONDS,
        )
        if answer.status_code in {413, 422}:
            problem = answer.json()
            raise PictureRefused(next((each["detail"] for each in problem.get("errors", [])), problem["detail"]))
        if answer.status_code != 201:
            raise Unavailable("inference-service does not run the model.")
        return Prediction.model_validate_json(answer.content)

    async def tell_truth(self, prediction_id: int, truth: TruthToTell) -> None:
        """See `Predictions.tell_truth`."""
        answer = await self.put(f"/internal/predictions/{prediction_id}/label", truth.model_dump(mode="json"))
        if answer.status_code == 404:
            raise NotFound
        if answer.status_code in {400, 413, 422}:
            raise LabelRefused(answer.text[:500])
        if not answer.is_success:
            raise Unavailable("inference-service does not take the label.")
