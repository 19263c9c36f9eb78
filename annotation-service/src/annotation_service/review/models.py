"""What is read of the labels of an image."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotation_service.workflow.states import JobKind


@dataclass(frozen=True, slots=True)
class ReviewedLabel:
    """The label of a finished job of an image, and who made it."""

    label_id: int
    job_id: int
    kind: JobKind
    account_id: int
    name: str | None
    fields: dict[str, Any]
    finished_at: datetime
    seconds: float | None
