"""Images that were read in the same way, counted together.

All measures see of an image only how many doctors chose each category, or which two categories a pair of doctors
chose: its pattern. Ten thousand images of a field have some tens of patterns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from annotation_service.statistics.readings import MISSING, Readings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CELLS: Final = 1 << 22
"""The size of the largest table of images and categories that is in memory."""


@dataclass(frozen=True, slots=True)
class FieldReadings:
    """The readings of one field that are not missing, sorted by image, then by doctor."""

    images: Integers
    """Shape (readings,): images counted from 0; every number has a reading."""
    doctors: Integers
    """Shape (readings,): indexes into the sorted ids of all doctors."""
    codes: Integers
    """Shape (readings,): indexes into the categories."""

    def take(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> "FieldReadings":
        """Some of the readings."""
        return FieldReadings(self.images[places], self.doctors[places], self.codes[places])


@dataclass(frozen=True, slots=True)
class ImagePatterns:
    """Images by how many doctors chose each category."""

    choices: Floats
    """Shape (patterns, categories): how many doctors chose the category."""
    images: Integers
    """Shape (patterns,): how many images have the pattern."""

    @property
    def readers(self) -> Floats:
        """Shape (patterns,): how many doctors read such an image."""
        return np.asarray(self.choices.sum(axis=1))

    def read_by_two(self) -> "ImagePatterns":
        """Those of images that two doctors or more read."""
        chosen = self.readers >= 2
        return ImagePatterns(self.choices[chosen], self.images[chosen])


@dataclass(frozen=True, slots=True)
class PairPatterns:
    """Images that were read twice, by the two categories that were chosen. The two readings are of a pair of doctors,
    or of one doctor."""

    first: int
    """The index of the doctor of the first reading."""
    second: int
    first_codes: Integers
    """Shape (patterns,): what was chosen in the first reading."""
    second_codes: Integers
    images: Integers
    """Shape (patterns,): how many images have the pattern."""


def first_and_second(readings: Readings, place: int, doctor_ids: Integers) -> tuple[FieldReadings, FieldReadings]:
    """The first reading of every doctor and image that has a value in the field, and the second, where there is one.
    `doctor_ids` are the ids of all doctors, sorted."""
    present = np.flatnonzero(readings.codes[place] != MISSING)
    images = readings.images[present]
    doctors = np.searchsorted(doctor_ids, readings.doctors[present])
    is_new_image = np.diff(images, prepend=images[:1] - 1) != 0
    is_new_doctor = is_new_image | (np.diff(doctors, prepend=doctors[:1] - 1) != 0)
    is_second = np.zeros_like(is_new_doctor)
    is_second[1:] = is_new_doctor[:-1] & ~is_new_doctor[1:]
    numbers = np.cumsum(is_new_image) - 1
    found = FieldReadings(numbers, doctors, readings.codes[place][present].astype(np.int64))
    return found.take(is_new_doctor), found.take(is_second)


def image_patterns(first: FieldReadings, categories: int) -> ImagePatterns:
    """The patterns of all images that have a reading."""
    images = int(first.images[-1]) + 1 if first.images.size else 0
    step = max(1, _CELLS // max(1, categories))
    rows, counts = np.empty((0, categories), np.int64), np.empty(0, np.int64)
    for start in range(0, images, step):
        low, high = np.searchsorted(first.images, (start, min(start + step, images)))
        cells = (first.images[low:high] - start) * categories + first.codes[low:high]
        table = np.bincount(cells, minlength=min(step, images - start) * categories).reshape(-1, categories)
        rows, counts = _distinct(np.concatenate((rows, table)), np.concatenate((counts, np.ones(len(table), np.int64))))
    return ImagePatterns(rows.astype(np.float64), counts)


def pairs_of_doctors(first: FieldReadings, doctors: int, categories: int) -> list[PairPatterns]:
    """The patterns of every two doctors who have read an image in common, sorted by the doctors."""
    keys = np.empty(0, np.int64)
    counts = np.empty(0, np.int64)
    longest = int(np.bincount(first.images).max(initial=0))
    for offset in range(1, longest):
        same = np.flatnonzero(first.images[offset:] == first.images[:-offset])
        found = _pair_keys(first.take(same), first.take(same + offset), doctors, categories)
        keys, counts = _added(keys, counts, found)
    return list(_split(keys, counts, doctors, categories))


def doctors_with_themselves(
    first: FieldReadings, second: FieldReadings, doctors: int, categories: int
) -> list[PairPatterns]:
    """The patterns of every doctor who has read an image more than once, by the first two readings."""
    places = first.images * doctors + first.doctors
    earlier = np.searchsorted(places, second.images * doctors + second.doctors)
    found = _pair_keys(first.take(earlier), second, doctors, categories)
    return list(_split(*_added(np.empty(0, np.int64), np.empty(0, np.int64), found), doctors, categories))


def _pair_keys(one: FieldReadings, other: FieldReadings, doctors: int, categories: int) -> Integers:
    """A number for each two readings of an image. It tells both doctors and both categories, and sorts by doctor."""
    return np.asarray(((one.doctors * doctors + other.doctors) * categories + one.codes) * categories + other.codes)


def _added(keys: Integers, counts: Integers, found: Integers) -> tuple[Integers, Integers]:
    merged, place = np.unique(np.concatenate((keys, found)), return_inverse=True)
    weights = np.concatenate((counts, np.ones(found.size, np.int64)))
    return merged, np.bincount(place, weights, minlength=merged.size).astype(np.int64)


def _split(keys: Integers, counts: Integers, doctors: int, categories: int) -> Iterator[PairPatterns]:
    if keys.size == 0:
        return
    pairs, cells = np.divmod(keys, categories * categories)
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    for low, high in zip(starts, np.append(starts[1:], pairs.size), strict=True):
        first_codes, second_codes = np.divmod(cells[low:high], categories)
        first, second = divmod(int(pairs[low]), doctors)
        yield PairPatterns(first, second, first_codes, second_codes, counts[low:high])


def _distinct(rows: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """The different ones among rows of small counts, sorted, with the sums of their `counts`."""
    key, bound = np.zeros(len(rows), np.int64), 1
    for column in rows.T:
        size = int(column.max(initial=0)) + 1
        if bound > np.iinfo(np.int64).max // size:
            distinct, key = np.unique(key, return_inverse=True)
            bound = distinct.size
        key = key * size + column
        bound *= size
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], np.bincount(place, counts, minlength=first.size).astype(np.int64)
