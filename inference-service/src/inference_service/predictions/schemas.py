"""The request and response bodies of `/api/predictions`."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from inference_service.predictions.models import Prediction
from inference_service.predictions.notice import NOTICE


class PredictionFields(BaseModel):
    """The text fields of a request for a prediction."""

    model: Annotated[
        str, Field(description="`name` or `name/version`; `/api/models` lists them.", examples=["covid19"])
    ]


class PredictionBody(BaseModel):
    """A prediction, with everything that is necessary to repeat it."""

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
        """The body for a row of the table."""
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
    """A page of predictions, newest first."""

    predictions: list[PredictionBody]
    next_cursor: str | None
