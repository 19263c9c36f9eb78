"""The rules of the workflow, without a database: when an image is decided, and what its result is.

An image is decided when no job of it is open and as many readers have finished as were wanted. More than half of the
labels agreeing makes the result. Where they do not, one further doctor reads the image; where that does not help, or no
doctor is left, an expert does, whose label is the ground truth. Comments are not compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from annotation_service.workflow.categories import category_key
from annotation_service.workflow.states import IMAGE_TRANSITIONS, ImageState, JobKind, JobState

COMMENT: Final = "comment"


@dataclass(frozen=True, slots=True)
class Reading:
    """The label of a finished job."""

    label_id: int
    fields: Mapping[str, Any]
    kind: JobKind


class JobLabel(NamedTuple):
    """A job of an image, and the label that it carries."""

    job_id: int
    state: int
    kind: int
    label_id: int | None
    fields: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The image stays as it is: readers are missing."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The image is done, with this label as its ground truth."""

    label_id: int


@dataclass(frozen=True, slots=True)
class Disagreed:
    """The readers disagree; `again` if a further reader did not help."""

    again: bool


Decision = Undecided | Agreed | Disagreed


def decide(state: ImageState, readings: Sequence[Reading], *, open_jobs: int, wanted_readers: int) -> Decision:
    """What follows for an image from the labels of its finished jobs, which come in the order of their ids."""
    if state in {ImageState.DONE, ImageState.UNASSIGNED} or open_jobs or not readings:
        return Undecided()
    experts = [each for each in readings if each.kind is JobKind.EXPERT]
    if experts:
        return Agreed(experts[-1].label_id)
    if state is ImageState.DIFFERENT_AGAIN or len(readings) < wanted_readers:
        return Undecided()
    agreed = majority(readings)
    if agreed is not None:
        return Agreed(agreed)
    return Disagreed(again=state is ImageState.DIFFERENT)


def readings_of(jobs: Iterable[JobLabel]) -> tuple[list[Reading], int]:
    """The labels of the finished jobs of an image, in the order of the jobs, and how many jobs are not finished."""
    found, open_jobs = [], 0
    for job in sorted(jobs, key=lambda job: job.job_id):
        if job.state != JobState.FINISHED:
            open_jobs += 1
        elif job.label_id is not None and job.fields is not None:
            found.append(Reading(job.label_id, job.fields, JobKind(job.kind)))
    return found, open_jobs


def majority(readings: Sequence[Reading]) -> int | None:
    """The first label with the fields that more than half of the readings have; None if there is no such label."""
    labels: dict[str, list[int]] = {}
    for each in readings:
        labels.setdefault(compared(each.fields), []).append(each.label_id)
    largest = max(labels.values(), key=len, default=[])
    return largest[0] if 2 * len(largest) > len(readings) else None


def compared(fields: Mapping[str, Any]) -> str:
    """The fields of a label as a text that is equal for labels that agree.

    A field that is null is absent; all else is as for agreement (`categories`).
    """
    values = {name: value for name, value in fields.items() if value is not None and name != COMMENT}
    return category_key(values)


def is_image_transition(old: ImageState, new: ImageState) -> bool:
    """Whether an image may change its state like this."""
    return (old, new) in IMAGE_TRANSITIONS
