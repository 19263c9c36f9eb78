"""The accuracy of doctors, and their confusion matrices."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from annotation_service.statistics.accuracy import NOTHING_JUDGED, DoctorAccuracy, accuracy
from annotation_service.statistics.readings import (
    MAX_CATEGORIES,
    TOO_MANY_CATEGORIES,
    FieldScale,
    JudgedReadingsBuilder,
)

Judged = Sequence[tuple[int, dict[str, JsonValue], dict[str, JsonValue]]]


def accuracy_of(readings: Judged, *scales: FieldScale) -> list[DoctorAccuracy]:
    """The accuracy of readings, given by doctor, label and ground truth."""
    builder = JudgedReadingsBuilder(scales)
    for doctor, label, truth in readings:
        builder.add([doctor], [json.dumps(label)], [json.dumps(truth)])
    return accuracy(builder.build())


def test_accuracy_and_confusion_matrix_by_field() -> None:
    readings: Judged = [
        (9, {"dr": True, "stage": "1"}, {"dr": True, "stage": "1"}),
        (9, {"dr": True, "stage": "2"}, {"dr": False, "stage": "1"}),
        (9, {"dr": False, "stage": "3"}, {"dr": False, "stage": "1"}),
        (4, {"dr": True, "stage": None}, {"dr": False, "stage": "1"}),
        (4, {"dr": True, "stage": "1"}, {"dr": True}),
    ]
    four, nine = accuracy_of(readings, FieldScale("dr"), FieldScale("stage", is_ordered=True))
    assert (four.doctor, nine.doctor) == (4, 9)
    dr, stage = nine.fields
    assert (dr.field.name, dr.field.categories, dr.images, dr.correct) == ("dr", (False, True), 3, 2)
    assert dr.confusion.tolist() == [[1, 1], [0, 1]]
    assert dr.accuracy == pytest.approx(2 / 3)
    assert (stage.field.categories, stage.confusion.tolist()) == (("1", "2", "3"), [[1, 1, 1], [0, 0, 0], [0, 0, 0]])
    assert four.fields[0].confusion.tolist() == [[0, 1], [0, 1]]
    assert (four.fields[1].images, four.fields[1].accuracy, four.fields[1].reason) == (0, None, NOTHING_JUDGED)


def test_interval_of_wilson_for_seven_of_ten() -> None:
    readings: Judged = [(1, {"x": place < 7}, {"x": True}) for place in range(10)]
    found = accuracy_of(readings, FieldScale("x"))[0].fields[0]
    assert (found.low, found.high) == pytest.approx((0.3968, 0.8922), abs=1e-4)


def test_all_right_and_all_wrong_have_an_interval() -> None:
    right = accuracy_of([(1, {"x": 1}, {"x": 1})] * 5, FieldScale("x"))[0].fields[0]
    wrong = accuracy_of([(1, {"x": 1}, {"x": 2})] * 5, FieldScale("x"))[0].fields[0]
    assert (right.accuracy, right.high, wrong.accuracy, wrong.low) == (1, 1, 0, 0)
    assert right.low == pytest.approx(1 - (wrong.high or 0))


def test_nothing_is_judged() -> None:
    assert accuracy_of([], FieldScale("x")) == []
    found = accuracy_of([(1, {}, {"x": 1}), (1, {"x": 1}, {})], FieldScale("x"))[0].fields[0]
    assert (found.images, found.correct, found.accuracy, found.low, found.high) == (0, 0, None, None, None)


def test_a_field_of_many_values_has_no_accuracy() -> None:
    readings: Judged = [(1, {"x": number}, {"x": number}) for number in range(MAX_CATEGORIES + 1)]
    found = accuracy_of(readings, FieldScale("x"))[0].fields[0]
    assert (found.images, found.accuracy, found.reason) == (MAX_CATEGORIES + 1, None, TOO_MANY_CATEGORIES)
    assert found.confusion.size == 0


ROWS = st.tuples(st.integers(1, 3), st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))


@settings(deadline=None)
@given(rows=st.lists(ROWS, max_size=30))
def test_confusion_matrices_are_counts(rows: list[tuple[int, int | None, int | None]]) -> None:
    with np.errstate(all="raise"):
        found = accuracy_of([(doctor, {"x": one}, {"x": true}) for doctor, one, true in rows], FieldScale("x"))
    assert [one.doctor for one in found] == sorted({doctor for doctor, _, _ in rows})
    for one in found:
        field = one.fields[0]
        expected = [
            [rows.count((one.doctor, int(str(chosen)), int(str(true)))) for chosen in field.field.categories]
            for true in field.field.categories
        ]
        assert field.confusion.tolist() == expected
        assert field.images == int(field.confusion.sum())
        assert field.images == 0 or (field.low is not None and field.high is not None and 0 <= field.low <= field.high)
