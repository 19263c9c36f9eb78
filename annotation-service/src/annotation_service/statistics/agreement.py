"""Agreement between doctors, and of doctors with themselves, for every field of a set of readings.

Which images qualify is decided for each field: a reading counts where it has a value in the field. Between doctors the
first reading of every doctor counts, since a second one may remember the first; a doctor is compared with themselves
by the first two readings of an image.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from annotation_service.statistics.bootstrap import RESAMPLES, undefined
from annotation_service.statistics.many_readers import ManyReaders, many_readers
from annotation_service.statistics.patterns import (
    FieldReadings,
    PairPatterns,
    doctors_with_themselves,
    first_and_second,
    image_patterns,
    pairs_of_doctors,
)
from annotation_service.statistics.readings import TOO_MANY_CATEGORIES, Field, Readings
from annotation_service.statistics.two_readers import TwoReaders, two_readers

MAX_PAIRS: Final = 300
"""So many pairs of doctors, and so many doctors with themselves, are compared in a field: those with the most images in
common."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the measures of a field are from."""

    images: int
    readings: int
    doctors: int
    pairs: int
    """Pairs of readings of the same image by different doctors."""


@dataclass(frozen=True, slots=True)
class FieldAgreement:
    """How far the readings of a field agree."""

    field: Field
    compared: Counts
    """Of the images that two doctors or more have read, which qualify for all measures of agreement."""
    read_once: int
    """Images with a reading by one doctor, which Fleiss' kappa and Gwet's AC1 take into account as well, for how often
    a category is chosen."""
    all_doctors: ManyReaders
    pairs: tuple[TwoReaders, ...]
    """Every two doctors who have read an image in common, sorted by their ids."""
    pairs_left_out: int
    """Pairs of doctors beyond `MAX_PAIRS`."""
    same_doctor: tuple[TwoReaders, ...]
    """Every doctor who has read an image more than once, sorted by their ids."""
    same_doctor_left_out: int
    """Such doctors beyond `MAX_PAIRS`."""


def agreement(readings: Readings, resamples: int = RESAMPLES) -> list[FieldAgreement]:
    """The agreement in every field. See `field_agreement`."""
    return [field_agreement(readings, place, resamples) for place in range(len(readings.fields))]


def field_agreement(readings: Readings, place: int, resamples: int = RESAMPLES) -> FieldAgreement:
    """The agreement in one field, given by its place in `readings.fields`.

    It takes a processor about 0.2 s with 12 doctors, and some seconds with hundreds: call it in a thread.
    """
    doctor_ids = np.unique(readings.doctors)
    field = readings.fields[place]
    first, second = first_and_second(readings, place, doctor_ids)
    if field.has_too_many_categories:
        nothing = undefined(TOO_MANY_CATEGORIES)
        measures = ManyReaders(nothing, nothing, nothing, nothing if field.is_ordered else None, nothing)
        return FieldAgreement(field, *_counts(first), measures, (), 0, (), 0)
    categories = len(field.categories)
    pairs = pairs_of_doctors(first, doctor_ids.size, categories)
    repeated = doctors_with_themselves(first, second, doctor_ids.size, categories)
    return FieldAgreement(
        field,
        *_counts(first),
        many_readers(image_patterns(first, categories), field, resamples),
        tuple(two_readers(_largest(pairs), doctor_ids, field, resamples)),
        max(0, len(pairs) - MAX_PAIRS),
        tuple(two_readers(_largest(repeated), doctor_ids, field, resamples)),
        max(0, len(repeated) - MAX_PAIRS),
    )


def _largest(pairs: list[PairPatterns]) -> list[PairPatterns]:
    if len(pairs) <= MAX_PAIRS:
        return pairs
    sizes = np.array([pair.images.sum() for pair in pairs])
    return [pairs[place] for place in np.sort(np.argsort(-sizes, kind="stable")[:MAX_PAIRS])]


def _counts(first: FieldReadings) -> tuple[Counts, int]:
    """The counts of the images with two readings or more, and how many images have one."""
    readers = np.bincount(first.images)
    compared = readers >= 2
    counts = Counts(
        images=int(compared.sum()),
        readings=int(readers[compared].sum()),
        doctors=int(np.unique(first.doctors[compared[first.images]]).size),
        pairs=int((readers[compared] * (readers[compared] - 1) // 2).sum()),
    )
    return counts, int((readers == 1).sum())
