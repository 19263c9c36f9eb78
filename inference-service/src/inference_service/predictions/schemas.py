"""The request and response bodies of `/api/predictions`."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.notice import NOTICE


class PredictionFields(BaseModel):
    """The text fields of a request for a prediction."""

    model: Annotated[
        str, Field(description="`name` or `name/version`; `/api/models` lists them.", examples=["covid19"])
    ]


class InternalPredictionFields(PredictionFields):
    """The same where another service asks for an account."""

    account_id: Annotated[int, Field(ge=1, lt=2**63, description="The account that the prediction belongs to.")]


class LabelFields(BaseModel):
    """The label of a picture, which another service tells."""

    fields: Annotated[dict[str, Any], Field(description="The values of the label by field.")]
    scheme: Annotated[str, Field(min_length=1, max_length=300, examples=["ophthalmology/1"])]
    source_id: Annotated[int, Field(ge=1, lt=2**63, description="The id of the label in that service.")]
    labelled_at: AwareDatetime


class PredictionLabelBody(BaseModel):
    """What people have found out about the picture, to compare the prediction with."""

    fields: Annotated[dict[str, Any], Field(description="The values of the label by field.")]
    scheme: Annotated[str, Field(description="The label scheme, as name/version.", examples=["ophthalmology/1"])]
    source: Annotated[str, Field(description="The service that has the label.", examples=["annotation-service"])]
    source_id: Annotated[int, Field(description="The id of the label there.")]
    labelled_at: datetime

    @classmethod
    def of(cls, row: PredictionLabel) -> Self:
        """The body for a row of the table."""
        return cls(
            fields=row.fields,
            scheme=row.scheme,
            source=row.source,
            source_id=row.source_id,
            labelled_at=row.labelled_at,
        )


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
    label: Annotated[
        PredictionLabelBody | None, Field(description="The ground truth, once people have labelled the picture.")
    ] = None
    notice: str = NOTICE

    @classmethod
    def of(cls, row: Prediction, label: PredictionLabel | None = None) -> Self:
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
            label=None if label is None else PredictionLabelBody.of(label),
        )


class PredictionList(BaseModel):
    """A page of predictions, newest first."""

    predictions: list[PredictionBody]
    next_cursor: str | None
