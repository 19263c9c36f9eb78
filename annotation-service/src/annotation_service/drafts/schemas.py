"""Drafts on the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_EXAMPLE: dict[str, Any] = {"draft": {"quality": True, "dr": None}}


class NewDraft(BaseModel):
    """What to keep."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    draft: dict[str, Any] = Field(
        description="Any JSON object of at most 10,000 values, as a rule the fields of the label so far."
    )


class JobDraft(BaseModel):
    """What was kept last."""

    draft: dict[str, Any] | None
    saved_at: datetime | None
    leased_until: datetime | None = Field(description="When the job goes back to the queue, if it came from there.")
