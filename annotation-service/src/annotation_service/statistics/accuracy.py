"""How often each doctor finds the ground truth, field by field.

A reading qualifies for a field where both it and the ground truth of its image have a value. The interval is Wilson's
score interval (Wilson, Journal of the American Statistical Association 22, 1927), which is sound for few images and for
shares of 0 and 1 as well. Where the ground truth was decided by a majority, the doctor was part of that majority, so
the accuracy is higher than against a judgement from elsewhere.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from annotation_service.statistics.readings import MISSING, TOO_MANY_CATEGORIES, Field, Ids, JudgedReadings

NOTHING_JUDGED: Final = "No image with a ground truth has a reading of this field."
_Z: Final = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class FieldAccuracy:
    """The accuracy of one doctor in one field."""

    field: Field
    images: int
    correct: int | None
    accuracy: float | None
    """The share of `images` where the doctor found the ground truth; None if there are no images."""
    low: float | None
    """The bounds of the 95 % interval."""
    high: float | None
    confusion: Ids
    """Shape (categories, categories): how many images have the ground truth of the row and the reading of the column.
    Rows and columns are `field.categories`; it is empty if there are too many categories."""
    reason: str | None = None
    """Why the accuracy is None."""


@dataclass(frozen=True, slots=True)
class DoctorAccuracy:
    """The accuracy of one doctor in every field."""

    doctor: int
    fields: tuple[FieldAccuracy, ...]


def accuracy(readings: JudgedReadings) -> list[DoctorAccuracy]:
    """The accuracy of every doctor who has read an image with a ground truth, sorted by their ids."""
    doctor_ids, doctors = np.unique(readings.doctors, return_inverse=True)
    fields = [_field(readings, place, doctors, doctor_ids.size) for place in range(len(readings.fields))]
    return [
        DoctorAccuracy(int(doctor), tuple(field[place] for field in fields)) for place, doctor in enumerate(doctor_ids)
    ]


def _field(readings: JudgedReadings, place: int, doctors: Ids, doctor_count: int) -> list[FieldAccuracy]:
    """The accuracy of each doctor, given by an index for each reading."""
    field, categories = readings.fields[place], len(readings.fields[place].categories)
    chosen, true = readings.codes[place], readings.truths[place]
    qualifies = np.flatnonzero((chosen != MISSING) & (true != MISSING))
    doctors, chosen, true = doctors[qualifies], chosen[qualifies], true[qualifies]
    images = np.bincount(doctors, minlength=doctor_count)
    if field.has_too_many_categories:
        nothing = np.empty((0, 0), np.int64)
        return [
            FieldAccuracy(field, int(count), None, None, None, None, nothing, TOO_MANY_CATEGORIES) for count in images
        ]
    cells = (doctors * categories + true) * categories + chosen
    tables = np.bincount(cells, minlength=doctor_count * categories**2).reshape(doctor_count, categories, categories)
    return [_measured(field, table) for table in tables]


def _measured(field: Field, confusion: Ids) -> FieldAccuracy:
    images, correct = int(confusion.sum()), int(np.trace(confusion))
    if images == 0:
        return FieldAccuracy(field, 0, 0, None, None, None, confusion, NOTHING_JUDGED)
    low, high = wilson_interval(correct, images)
    return FieldAccuracy(field, images, correct, correct / images, low, high, confusion)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The bounds of the 95 % interval of a share; `trials` is at least 1."""
    share, weight = successes / trials, _Z**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    half = _Z * sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)
