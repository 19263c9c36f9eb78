"""Labels as arrays: the form in which the measures take them.

`ReadingsBuilder` and `JudgedReadingsBuilder` take labels as JSON texts, part by part as they come from the database.
Every value becomes the index of its category, two bytes, so a million labels of 13 fields take 42 MB.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from pydantic_core import from_json

from annotation_service.workflow.categories import category, category_key, have_one_type, natural_order

MISSING: Final = -1
"""The code of a reading that has no value for a field."""
MAX_CATEGORIES: Final = 100
"""A field with more different values is no field of categories; no measure is defined for it."""
TOO_MANY_CATEGORIES: Final = f"The field has more than {MAX_CATEGORIES} different values."
NO_COMMON_ORDER: Final = "The values of this field are of different types, which have no common order."
OFF_THE_SCALE: Final = "Some values of this field are not on its scale, so their place in the order is not known."
REMEMBERED_LABELS: Final = 50_000
"""So many JSON texts are kept with their codes, since most labels are equal to an earlier one."""

Codes = NDArray[np.int16]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FieldScale:
    """What is known of a field before its values are seen.

    `categories` are those that the field can have, lowest first. Values that are not among them become further
    categories after these, in their natural order; an ordered field has no order then. The number of categories counts
    for Gwet's AC1, and their places count for the measures of ordered fields, so they should be given where they are
    known. Where they are not given, an ordered field has the natural order of its values, and a field that has only
    booleans has both of them.
    """

    name: str
    categories: tuple[JsonValue, ...] = ()
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field and its categories; a code is an index into `categories`."""

    name: str
    categories: tuple[JsonValue, ...]
    """Lowest first, if the field is ordered. Empty if there are more than `MAX_CATEGORIES`."""
    is_ordered: bool = False
    has_too_many_categories: bool = False
    why_unordered: str | None = None
    """Why the categories of an ordered field have no order; None if they have one."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of images by doctors, sorted by image, then by doctor, then by time."""

    images: Ids
    """Shape (readings,): the ids of the images."""
    doctors: Ids
    """Shape (readings,): the ids of the doctors. A doctor can have read an image several times."""
    fields: tuple[Field, ...]
    codes: Codes
    """Shape (fields, readings): indexes into the categories of the field, or `MISSING`."""


@dataclass(frozen=True, slots=True)
class JudgedReadings:
    """Readings beside the ground truth of their images, in any order."""

    doctors: Ids
    """Shape (readings,): the ids of the doctors."""
    fields: tuple[Field, ...]
    codes: Codes
    """Shape (fields, readings): what the doctor chose; indexes into the categories of the field, or `MISSING`."""
    truths: Codes
    """Shape (fields, readings): the ground truth, in the same form."""


class ReadingsBuilder:
    """Collects readings. Those of the same doctor and image must come in order of time; all else is in any order."""

    def __init__(self, scales: Sequence[FieldScale]) -> None:
        self._encoder = _LabelEncoder(scales)
        self._images: list[Ids] = []
        self._doctors: list[Ids] = []
        self._codes: list[Codes] = []

    def add(self, images: Sequence[int], doctors: Sequence[int], labels: Sequence[str]) -> None:
        """Add readings, given by three sequences of the same length. A label is the JSON text of an object; a field
        that it does not have, or that is null there, is missing. Raises `ValueError` for a text that is not JSON."""
        self._images.append(np.array(images, np.int64))
        self._doctors.append(np.array(doctors, np.int64))
        self._codes.append(self._encoder.encode(labels))

    def build(self) -> Readings:
        """All readings that were added."""
        images, doctors = _joined(self._images), _joined(self._doctors)
        order = np.lexsort((doctors, images))  # stable, so it keeps the order of time
        codes = self._encoder.finish(self._codes)
        return Readings(images[order], doctors[order], self._encoder.fields(), np.take(codes, order, axis=1))


class JudgedReadingsBuilder:
    """Collects readings of images that have a ground truth."""

    def __init__(self, scales: Sequence[FieldScale]) -> None:
        self._encoder = _LabelEncoder(scales)
        self._doctors: list[Ids] = []
        self._codes: list[Codes] = []
        self._truths: list[Codes] = []

    def add(self, doctors: Sequence[int], labels: Sequence[str], truths: Sequence[str]) -> None:
        """Add readings, given by three sequences of the same length; labels as in `ReadingsBuilder`."""
        self._doctors.append(np.array(doctors, np.int64))
        self._codes.append(self._encoder.encode(labels))
        self._truths.append(self._encoder.encode(truths))

    def build(self) -> JudgedReadings:
        """All readings that were added."""
        codes, truths = self._encoder.finish(self._codes), self._encoder.finish(self._truths)
        return JudgedReadings(_joined(self._doctors), self._encoder.fields(), codes, truths)


class _LabelEncoder:
    """Gives every value of every field a code. The codes are provisional, in the order in which the values were seen,
    until `finish` sorts the categories."""

    def __init__(self, scales: Sequence[FieldScale]) -> None:
        self._scales = scales
        self._numbers: list[dict[tuple[type, JsonValue], int]] = [{} for _ in scales]
        self._values: list[list[JsonValue]] = [[] for _ in scales]
        self._remembered: dict[str, tuple[int, ...]] = {}
        for place, scale in enumerate(scales):
            for value in scale.categories:
                self._code(place, value)
        self._known = [len(values) for values in self._values]

    def encode(self, labels: Iterable[str]) -> Codes:
        """Provisional codes of labels, shape (fields, labels)."""
        rows = [self._remembered.get(label) or self._row(label) for label in labels]
        return np.array(rows, np.int16).reshape(len(rows), len(self._scales)).T

    def finish(self, parts: Sequence[Codes]) -> Codes:
        """The final codes of labels that were encoded in parts, shape (fields, labels)."""
        codes = np.concatenate(parts, axis=1) if parts else np.empty((len(self._scales), 0), np.int16)
        codes = np.ascontiguousarray(codes)
        for place, row in enumerate(codes):
            order = self._order(place)
            final = np.full(len(order) + 1, MISSING, np.int16)  # the last one is that of `MISSING` itself
            final[order] = np.arange(len(order))
            row[:] = final[row]
        return codes

    def fields(self) -> tuple[Field, ...]:
        """The fields with the categories that the final codes refer to."""
        return tuple(self._field(place) for place in range(len(self._scales)))

    def _row(self, label: str) -> tuple[int, ...]:
        parsed = from_json(label)
        values = parsed if isinstance(parsed, dict) else {}
        row = tuple([self._code(place, values.get(scale.name)) for place, scale in enumerate(self._scales)])
        if len(self._remembered) >= REMEMBERED_LABELS:
            self._remembered.clear()
        self._remembered[label] = row
        return row

    def _code(self, place: int, value: JsonValue) -> int:
        if value is None:
            return MISSING
        # True and 1 are equal keys of a dictionary, so the type is part of the key.
        key = (dict, category_key(value)) if isinstance(value, list | dict | float) else (type(value), value)
        numbers, values = self._numbers[place], self._values[place]
        code = numbers.get(key)
        if code is None:
            named = category(value)
            if type(named) is not type(value):  # 1.0 is 1
                return self._code(place, named)
            code = len(values)
            if code > MAX_CATEGORIES:  # one more than that is enough to know
                return MAX_CATEGORIES
            numbers[key] = code
            values.append(named)
        return code

    def _field(self, place: int) -> Field:
        scale, values = self._scales[place], self._all_values(place)
        categories = tuple(values[code] for code in self._order(place))
        has_too_many = len(categories) > MAX_CATEGORIES
        return Field(
            name=scale.name,
            categories=() if has_too_many else categories,
            is_ordered=scale.is_ordered,
            has_too_many_categories=has_too_many,
            why_unordered=self._why_unordered(place, categories) if scale.is_ordered else None,
        )

    def _why_unordered(self, place: int, categories: tuple[JsonValue, ...]) -> str | None:
        known = self._known[place]
        if known:
            return OFF_THE_SCALE if len(categories) > known else None
        return None if have_one_type(categories) else NO_COMMON_ORDER

    def _order(self, place: int) -> list[int]:
        """The provisional codes, sorted."""
        values, known = self._all_values(place), self._known[place]
        return [*range(known), *sorted(range(known, len(values)), key=lambda code: natural_order(values[code]))]

    def _all_values(self, place: int) -> list[JsonValue]:
        """The categories by their provisional codes."""
        values = self._values[place]
        if values and not self._known[place] and all(isinstance(value, bool) for value in values):
            return [*values, *({False, True} - {bool(value) for value in values})]
        return values


def _joined(parts: Sequence[Ids]) -> Ids:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
