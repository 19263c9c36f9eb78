"""Predictions on the wire."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from inference_service.predictions.models import Prediction
from inference_service.predictions.notice import NOTICE


class PredictionFields(BaseModel):
    """What is sent beside the picture."""

    model: Annotated[str, Field(description="`name` or `name/version`; `/api/models` lists them.")]


class PredictionBody(BaseModel):
    """A prediction with all that is needed to make it again."""

    model_config = ConfigDict(protected_namespaces=())

    id: int
    created_at: datetime
    input_sha256: Annotated[str, Field(description="SHA-256 of the uploaded bytes, hexadecimal.")]
    media_type: str
    model: Annotated[str, Field(description="name/version")]
    model_sha256: str
    preprocessing_version: str
    thresholds: dict[str, float]
    scores: dict[str, float]
    notice: str = NOTICE

    @classmethod
    def of(cls, row: Prediction) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            created_at=row.created_at,
            input_sha256=row.input_sha256.hex(),
            media_type=row.media_type,
            model=f"{row.model_name}/{row.model_version}",
            model_sha256=row.model_sha256.hex(),
            preprocessing_version=row.preprocessing_version,
            thresholds=row.thresholds,
            scores=row.scores,
        )


class PredictionList(BaseModel):
    """One page."""

    predictions: list[PredictionBody]
    next_cursor: str | None
