"""Readings for the tests of agreement, made from tables as papers print them."""

import json
from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from annotation_service.statistics.agreement import FieldAgreement, agreement
from annotation_service.statistics.bootstrap import Measure
from annotation_service.statistics.readings import FieldScale, Readings, ReadingsBuilder

Table = Sequence[Sequence[JsonValue]]


def readings_of(table: Table, categories: Sequence[JsonValue] = (), *, is_ordered: bool = False) -> Readings:
    """Readings of one field, `finding`: a row for each image, a column for each doctor, None where there is none.
    Images and doctors are numbered from 1."""
    builder = ReadingsBuilder([FieldScale("finding", tuple(categories), is_ordered)])
    rows = [
        (image, doctor, json.dumps({"finding": value}))
        for image, row in enumerate(table, 1)
        for doctor, value in enumerate(row, 1)
    ]
    builder.add(*zip(*rows, strict=True))
    return builder.build()


def agreement_of(
    table: Table, categories: Sequence[JsonValue] = (), *, is_ordered: bool = False, resamples: int = 200
) -> FieldAgreement:
    """The agreement in the only field of `readings_of`."""
    return agreement(readings_of(table, categories, is_ordered=is_ordered), resamples)[0]


def of_two_doctors(counts: Sequence[Sequence[int]]) -> Table:
    """Readings by two doctors: how many images have the category of the row from the first doctor, and that of the
    column from the second."""
    return [[row, column] for (row, column), count in np.ndenumerate(np.array(counts)) for _ in range(count)]


def of_counts(counts: Sequence[Sequence[int]]) -> Table:
    """Readings by many doctors: how many of them chose the category of the column for the image of the row."""
    return [np.repeat(np.arange(len(row)), row).tolist() for row in counts]


def value(measure: Measure | None) -> float:
    """The value of a measure that is defined."""
    assert measure is not None
    assert measure.value is not None, measure.reason
    return measure.value
