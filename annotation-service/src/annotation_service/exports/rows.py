"""One row of results, as the database has it, and the columns of an export."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from annotation_service.schemes.rules import SchemeRules
from annotation_service.workflow.states import ImageState, JobKind, NamedState

LABEL_PREFIX: Final = "label_"
"""Before the names of a label's fields in tables, so that no field is mistaken for another column. No field is named
`id` (`schemes.documents.RESERVED`)."""
REFERENCE: Final = "#/$defs/"
_STATE_NAMES: Final = {int(state): str(NamedState.of(state)) for state in ImageState}
_KIND_NAMES: Final = {int(kind): kind.name.lower() for kind in JobKind}


class Kind(StrEnum):
    """The type of a column."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    TIME = "time"
    JSON = "json"
    """Values of several types, written as JSON."""


class ResultRow(NamedTuple):
    """A label and where it belongs; the order is that of the columns of the query."""

    image_id: int
    image_name: str
    image_state: int
    sha256: bytes
    scheme_id: int
    job_id: int | None
    """None for a ground truth that an administrator has written."""
    job_state: int | None
    job_kind: int | None
    account_id: int
    doctor_name: str | None
    label_id: int | None
    fields: str | None
    """JSON."""
    ground_truth: bool
    assigned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    def values(self, schemes: Mapping[int, SchemeRules]) -> dict[str, Any]:
        """The values of the columns before the label's fields, in the order of `OWN_COLUMNS`."""
        seconds = None
        if self.started_at is not None and self.finished_at is not None:
            seconds = (self.finished_at - self.started_at).total_seconds()
        return {
            "image_id": self.image_id,
            "image_name": self.image_name,
            "state": _STATE_NAMES[self.image_state],
            "image_state": self.image_state,
            "sha256": self.sha256.hex(),
            "job_id": self.job_id,
            "job_state": self.job_state,
            "job_kind": None if self.job_kind is None else _KIND_NAMES[self.job_kind],
            "account_id": self.account_id,
            "doctor_name": self.doctor_name,
            "label_id": self.label_id,
            "scheme": str(schemes[self.scheme_id]),
            "ground_truth": self.ground_truth,
            "assigned_at": self.assigned_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "seconds": seconds,
        }

    def label(self) -> dict[str, Any]:
        """The fields of the label; empty where there is none."""
        found: dict[str, Any] = {} if self.fields is None else json.loads(self.fields)
        return found


OWN_COLUMNS: Final[Mapping[str, Kind]] = {
    "image_id": Kind.INTEGER,
    "image_name": Kind.STRING,
    "state": Kind.STRING,
    "image_state": Kind.INTEGER,
    "sha256": Kind.STRING,
    "job_id": Kind.INTEGER,
    "job_state": Kind.INTEGER,
    "job_kind": Kind.STRING,
    "account_id": Kind.INTEGER,
    "doctor_name": Kind.STRING,
    "label_id": Kind.INTEGER,
    "scheme": Kind.STRING,
    "ground_truth": Kind.BOOLEAN,
    "assigned_at": Kind.TIME,
    "started_at": Kind.TIME,
    "finished_at": Kind.TIME,
    "seconds": Kind.NUMBER,
}


@dataclass(frozen=True)
class Columns:
    """The columns of an export whose labels are of these schemes, by the ids of the schemes."""

    schemes: Mapping[int, SchemeRules]

    @cached_property
    def fields(self) -> Mapping[str, Kind]:
        """The fields of all schemes, each once, in the order in which they first come."""
        found: dict[str, Kind] = {}
        for _, rules in sorted(self.schemes.items()):
            for name in rules.fields:
                kind = kind_of(rules.properties[name], rules.definitions)
                found[name] = kind if found.get(name, kind) is kind else Kind.JSON
        return found

    @cached_property
    def names(self) -> list[str]:
        """The names of all columns of a table."""
        return [*OWN_COLUMNS, *(LABEL_PREFIX + name for name in self.fields)]

    def cells(self, row: ResultRow) -> list[Any]:
        """The values of all columns of a table; None for a field that the label does not have."""
        label = row.label()
        return [*row.values(self.schemes).values(), *(label.get(name) for name in self.fields)]


def kind_of(schema: object, definitions: Mapping[str, Any]) -> Kind:
    """The type of the values that a field's schema takes, beside null; `Kind.JSON` if there are several."""
    types = set(_types(schema, definitions)) - {"null"}
    known = {"boolean": Kind.BOOLEAN, "integer": Kind.INTEGER, "number": Kind.NUMBER, "string": Kind.STRING}
    return known.get(types.pop(), Kind.JSON) if len(types) == 1 else Kind.JSON


def _types(schema: object, definitions: Mapping[str, Any]) -> Iterable[str]:
    """The types that a schema names; nothing if it does not say."""
    if not isinstance(schema, dict):
        return []
    if "type" in schema:
        named: str | list[str] = schema["type"]
        return [named] if isinstance(named, str) else named
    if "$ref" in schema:
        return _types(definitions.get(schema["$ref"].removeprefix(REFERENCE)), definitions)
    if "enum" in schema and all(isinstance(each, str) for each in schema["enum"]):
        return ["string"]
    return []
