"""Ids and states in requests, as types of pydantic. Clients write them as numbers, as texts with digits, and states by
their names as well."""

import unicodedata
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from annotation_service.workflow.states import ImageState, JobState, NamedState
from lightbox_shared.errors.sentences import CONTROL_CHARACTERS

MAX_LIMIT: Final = 5000
DEFAULT_LIMIT: Final = 1000
LARGEST_ID: Final = 2**63 - 1
LONGEST_NUMBER: Final = 19

NOT_AN_ID: Final = "Not an id: a number from 1 on."
UNKNOWN_JOB_STATE: Final = "Not one of 200 (unlabeled), 201 (labeling), 202 (finished)."
UNKNOWN_STATE: Final = "Not one of unassigned, running, different, done, and their codes 300 to 303."
UNKNOWN_IMAGE_STATE: Final = "Not one of 300, 301, 302, 303, 304."

_NAMED_STATES: Final = {
    **{str(each): each for each in NamedState},
    "assigned": NamedState.RUNNING,
    "300": NamedState.UNASSIGNED,
    "301": NamedState.RUNNING,
    "302": NamedState.DIFFERENT,
    "303": NamedState.DONE,
}
_JOB_STATES: Final = {str(int(each)): each for each in JobState} | {each.name.lower(): each for each in JobState}
_IMAGE_STATES: Final = {str(int(each)): each for each in ImageState}


def _text(value: object) -> str | None:
    """A number or a text as a text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip().lower() if isinstance(value, str) or 0 <= value <= LARGEST_ID else None


def _id(value: object) -> int:
    text = _text(value)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER:
        raise ValueError(NOT_AN_ID)
    number = int(text)
    if not 1 <= number <= LARGEST_ID:
        raise ValueError(NOT_AN_ID)
    return number


def _optional_id(value: object) -> int | None:
    return None if value is None or value == "" else _id(value)


def _job_state(value: object) -> JobState | None:
    if value is None or value == "":
        return None
    state = _JOB_STATES.get(_text(value) or "")
    if state is None:
        raise ValueError(UNKNOWN_JOB_STATE)
    return state


def _named_state(value: object) -> NamedState | None:
    if value is None or value == "":
        return None
    state = _NAMED_STATES.get(_text(value) or "")
    if state is None:
        raise ValueError(UNKNOWN_STATE)
    return state


def _image_state(value: object) -> ImageState | None:
    if value is None or value == "":
        return None
    state = _IMAGE_STATES.get(_text(value) or "")
    if state is None:
        raise ValueError(UNKNOWN_IMAGE_STATE)
    return state


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        raise ValueError(CONTROL_CHARACTERS)
    return text


def _schema(*values: object) -> dict[str, Any]:
    return {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}], "examples": list(values)}


Id = Annotated[
    int,
    BeforeValidator(_id),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]}),
]
"""The id of a row, as a number or a text."""
OptionalId = Annotated[int | None, BeforeValidator(_optional_id), WithJsonSchema(_schema("123", 123))]
"""The same, or null."""
JobStateField = Annotated[JobState | None, BeforeValidator(_job_state), WithJsonSchema(_schema("200", 201))]
"""The state of a job, by code or name."""
NamedStateField = Annotated[
    NamedState | None, BeforeValidator(_named_state), WithJsonSchema(_schema("unassigned", "302"))
]
"""The state of an image by its name, or by the first codes, in which 303 is done."""
ImageStateField = Annotated[ImageState | None, BeforeValidator(_image_state), WithJsonSchema(_schema(304, "301"))]
"""The state of an image by the later codes."""

Source = Annotated[
    str,
    Field(max_length=2048, description="Where the picture comes from.", examples=["Clinic A"]),
    AfterValidator(_without_control_characters),
]

Offset = Annotated[int, Query(ge=0, le=LARGEST_ID, description="Rows to skip.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on the page, at most.")]
IdQuery = Annotated[OptionalId, Query()]
JobStateQuery = Annotated[JobStateField, Query(description="200, 201 or 202.")]
NamedStateQuery = Annotated[NamedStateField, Query(description="`unassigned`, `running`, `different` or `done`.")]
ImageStateQuery = Annotated[ImageStateField, Query(description="300 to 304; 303 is different a second time.")]


def states_meant(state: NamedState | None, image_state: ImageState | None) -> frozenset[ImageState] | None:
    """The states of images that both filters let through; None for all."""
    named = None if state is None else state.states
    if image_state is None:
        return named
    exact = frozenset({image_state})
    return exact if named is None else named & exact
