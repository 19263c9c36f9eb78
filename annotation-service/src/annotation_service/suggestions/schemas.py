"""Suggestions on the wire."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from annotation_service.suggestions.models import Suggestion

NOTICE: Final = "Computed by a model; no medical device, no diagnosis."


class ModelToAsk(BaseModel):
    """Which model is asked about an image."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "covid19"}]})

    model: Annotated[
        str, Field(min_length=1, max_length=200, description="`name` or `name/version`; `/api/models` lists them.")
    ]


class SuggestionBody(BaseModel):
    """What one version of a model says about an image."""

    model_config = ConfigDict(protected_namespaces=())

    id: int
    image_id: str
    model: Annotated[str, Field(description="name/version", examples=["covid19/1"])]
    scores: Annotated[dict[str, float], Field(description="By finding, in [0, 1].")]
    thresholds: Annotated[dict[str, float], Field(description="The operating point of each finding.")]
    prediction_id: Annotated[int, Field(description="The record of it, at `/api/predictions/{id}`.")]
    picture_sha256: Annotated[str, Field(description="SHA-256 of the picture, hexadecimal.")]
    created_by: Annotated[int, Field(description="The account that asked.")]
    created_at: datetime
    written_back_at: Annotated[
        datetime | None, Field(description="When the ground truth was written to the record of the prediction.")
    ]
    notice: str = NOTICE

    @classmethod
    def of(cls, row: Suggestion) -> Self:
        """The body for a row of the table."""
        return cls(
            id=row.id,
            image_id=str(row.image_id),
            model=f"{row.model_name}/{row.model_version}",
            scores=row.scores,
            thresholds=row.thresholds,
            prediction_id=row.prediction_id,
            picture_sha256=row.picture_sha256.hex(),
            created_by=row.created_by,
            created_at=row.created_at,
            written_back_at=row.written_back_at,
        )


class SuggestionList(BaseModel):
    """What models say about an image, in the order in which they were asked."""

    suggestions: list[SuggestionBody]
