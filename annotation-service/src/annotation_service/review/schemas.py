"""Reviews on the wire."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from annotation_service.review.models import ReviewedLabel
from annotation_service.workflow.models import Transition


class LabelOfImage(BaseModel):
    """The label of one reader."""

    label_id: int
    job_id: int
    kind: str = Field(description="`reader`, `further` or `expert`.")
    account_id: int
    name: str | None = Field(description="Of the doctor.")
    fields: dict[str, Any]
    finished_at: datetime
    seconds: float | None = Field(description="From the begin of the job to its end.")

    @classmethod
    def of(cls, found: ReviewedLabel) -> Self:
        """From the row."""
        return cls(
            label_id=found.label_id,
            job_id=found.job_id,
            kind=found.kind.name.lower(),
            account_id=found.account_id,
            name=found.name,
            fields=found.fields,
            finished_at=found.finished_at,
            seconds=found.seconds,
        )


class LabelsOfImage(BaseModel):
    """The labels of all finished jobs of an image, in the order of the jobs."""

    scheme: str = Field(description="Of the image, as `name/version`.")
    labels: list[LabelOfImage]


class HistoryEntry(BaseModel):
    """A change of the state of an image or of one of its jobs."""

    at: datetime
    job_id: int | None = Field(description="Null for the image itself.")
    from_state: int | None = Field(description="Null for what was made.")
    to_state: int | None = Field(description="Null for what was deleted.")
    account_id: int | None = Field(description="Whose request it was; null for what follows from the rules.")
    reason: str

    @classmethod
    def of(cls, row: Transition) -> Self:
        """From the row."""
        return cls(
            at=row.at,
            job_id=row.job_id,
            from_state=row.from_state,
            to_state=row.to_state,
            account_id=row.account_id,
            reason=row.reason,
        )


class ImageHistory(BaseModel):
    """What has happened to an image and its jobs, oldest first."""

    history: list[HistoryEntry]
