"""Exports on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from annotation_service.exports.formats import ExportFormat
from annotation_service.exports.models import Export, ExportState, ResultFilter
from annotation_service.fields import JobStateField, NamedStateField, OptionalId
from annotation_service.workflow.states import NamedState
from lightbox_shared.requests.periods import DayOrInstant, Period

EXPORTS_PATH = "/api/exports"


def export_path(export_id: int) -> str:
    """The path of an export."""
    return f"{EXPORTS_PATH}/{export_id}"


def file_path(export_id: int) -> str:
    """The path of its file."""
    return f"{export_path(export_id)}/file"


class ExportFilters(BaseModel):
    """Which results are wanted; null for all."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[NamedStateField, Field(description="Of the image: a name, or a code as in lists of images.")] = (
        None
    )
    job_state: Annotated[
        JobStateField, Field(description="200, 201 or 202. Ground truths without a job are left out then.")
    ] = None
    account_id: Annotated[OptionalId, Field(description="The doctor.")] = None
    since: Annotated[
        DayOrInstant | None,
        Field(
            alias="from", description="Labels that were finished on this day or later, in UTC, or from an instant on."
        ),
    ] = None
    until: Annotated[
        DayOrInstant | None,
        Field(alias="to", description="The last day, in UTC, or the instant before which a label was finished."),
    ] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        Period.of(self.since, self.until)
        return self

    @property
    def results(self) -> ResultFilter:
        """The same for queries."""
        states = None if self.state is None else NamedState(self.state).states
        return ResultFilter(states, self.job_state, self.account_id, Period.of(self.since, self.until))

    def stored(self) -> dict[str, Any]:
        """The filters that were given, as JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(ExportFilters.model_fields))


class NewExport(ExportFilters):
    """An export that is to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"format": "csv", "state": "done", "from": "2026-01-01"}]}
    )

    format: ExportFormat


class ExportBody(BaseModel):
    """An export."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    state: ExportState
    format: ExportFormat
    filters: dict[str, Any]
    """The filters that were given."""
    created_by: int
    """The account that asked for it."""
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    """When it is deleted."""
    rows: int
    """So far, until it is done."""
    size: int
    """Bytes of the file; so far, until it is done."""
    sha256: str | None
    """Of the file, hexadecimal."""
    file: str | None
    """The path of the file, when it is done."""

    @classmethod
    def of(cls, row: Export) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            state=ExportState(row.state),
            format=ExportFormat(row.format),
            filters=row.filters,
            created_by=row.created_by,
            created_at=row.created_at,
            finished_at=row.finished_at,
            expires_at=row.expires_at,
            rows=row.rows,
            size=row.size,
            sha256=None if row.sha256 is None else row.sha256.hex(),
            file=file_path(row.id) if row.state == ExportState.DONE else None,
        )


class ExportList(BaseModel):
    """A page of exports, newest first."""

    exports: list[ExportBody]
    next_cursor: str | None
