"""Labels become categories and codes."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from annotation_service.statistics import readings as module
from annotation_service.statistics.readings import (
    MAX_CATEGORIES,
    MISSING,
    NO_COMMON_ORDER,
    FieldScale,
    JudgedReadingsBuilder,
    Readings,
    ReadingsBuilder,
)
from annotation_service.workflow.categories import category, category_key

SCALARS: st.SearchStrategy[JsonValue] = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)


def built(values: Sequence[JsonValue], scale: FieldScale | None = None) -> Readings:
    """Readings of images 1, 2, ... by one doctor."""
    builder = ReadingsBuilder([scale or FieldScale("x")])
    builder.add(range(1, len(values) + 1), [1] * len(values), [json.dumps({"x": value}) for value in values])
    return builder.build()


def exact(values: Sequence[JsonValue]) -> list[tuple[type, JsonValue]]:
    """For comparing, since True == 1 in Python."""
    return [(type(value), value) for value in values]


def test_values_of_different_types_are_different_categories() -> None:
    found = built([True, 1, "1", "true", [1], 1.5, {"a": 1}, False, 0, None])
    expected: list[JsonValue] = [False, True, 0, 1, 1.5, "1", "true", [1], {"a": 1}]
    assert exact(found.fields[0].categories) == exact(expected)
    named = [MISSING if code == MISSING else found.fields[0].categories[code] for code in found.codes[0]]
    assert exact(named) == exact([True, 1, "1", "true", [1], 1.5, {"a": 1}, False, 0, MISSING])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([701, 702], [702, 701]),
        ([701, 702, 701], [702, 701]),
        (["b", "a"], ["a", "b"]),
        (1, 1.0),
        ([1.0], [1]),
        ({"a": 1, "b": [2, 1]}, {"b": [1, 2], "a": 1}),
        (0, -0.0),
    ],
)
def test_equal_values_are_one_category(one: JsonValue, other: JsonValue) -> None:
    assert category_key(one) == category_key(other)
    assert built([one, other]).codes.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [(True, 1), (False, 0), ("1", 1), ([701], 701), ([], ""), ([True], [1]), ([1], [1, 2]), ("é", "e")],
)
def test_different_values_are_two_categories(one: JsonValue, other: JsonValue) -> None:
    assert category_key(one) != category_key(other)
    assert len(set(built([one, other]).codes[0].tolist())) == 2


def test_a_list_is_named_by_its_sorted_values() -> None:
    assert category([702, 701, 701, 1000]) == [701, 702, 1000]


def test_categories_are_in_natural_order() -> None:
    assert built(["10", "9", "1", "-1", "none", "2.5"]).fields[0].categories == ("-1", "1", "2.5", "9", "10", "none")
    assert built([10, 9.5, -1, 2**70, -(10**400)]).fields[0].categories == (-(10**400), -1, 9.5, 10, 2**70)


def test_known_categories_come_first_in_their_order() -> None:
    scale = FieldScale("x", ("none", "mild", "severe"), is_ordered=True)
    found = built(["severe", "other", "none", "b"], scale)
    assert found.fields[0].categories == ("none", "mild", "severe", "b", "other")
    assert found.codes.tolist() == [[2, 4, 0, 3]]
    assert built([], scale).fields[0].categories == ("none", "mild", "severe")


def test_a_field_of_booleans_has_both() -> None:
    assert exact(built([True, True]).fields[0].categories) == exact([False, True])
    assert built([True, True]).codes.tolist() == [[1, 1]]
    assert exact(built([True, 1]).fields[0].categories) == exact([True, 1])
    assert built([]).fields[0].categories == ()


def test_what_is_no_object_or_lacks_the_field_is_missing() -> None:
    builder = ReadingsBuilder([FieldScale("x"), FieldScale("y")])
    builder.add([1, 2, 3, 4], [1] * 4, ['{"x": 1}', "null", "[]", '{"x": null, "y": "\\u0000", "z": 1}'])
    assert builder.build().codes.tolist() == [[0, -1, -1, -1], [-1, -1, -1, 0]]
    with pytest.raises(ValueError, match="line 1"):
        builder.add([1], [1], ["{"])


def test_readings_are_sorted_and_keep_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_LABELS", 2)
    builder = ReadingsBuilder([FieldScale("x")])
    builder.add([5, 3, 5], [2, 9, 2], ['{"x": "c"}', '{"x": "b"}', '{"x": "a"}'])
    builder.add([], [], [])
    builder.add([3, 5, 2**62], [1, 2, -1], ['{"x": "d"}', '{"x": "b"}', '{"x": "a"}'])
    found = builder.build()
    assert found.images.tolist() == [3, 3, 5, 5, 5, 2**62]
    assert found.doctors.tolist() == [1, 9, 2, 2, 2, -1]
    assert [found.fields[0].categories[code] for code in found.codes[0]] == ["d", "b", "c", "a", "b", "a"]


def test_too_many_categories() -> None:
    found = built(list(range(3 * MAX_CATEGORIES)))
    assert found.fields[0].has_too_many_categories
    assert found.fields[0].categories == ()
    assert found.codes.max() == MAX_CATEGORIES
    assert not built(list(range(MAX_CATEGORIES))).fields[0].has_too_many_categories


@pytest.mark.parametrize(
    ("values", "has_order"),
    [
        ([1, 2.5, 3], True),
        (["1", "b"], True),
        ([True, False], True),
        ([True, 1], False),
        (["2", 2], False),
        ([[1]], False),
    ],
)
def test_an_ordered_field_of_values_without_a_common_order(values: list[JsonValue], has_order: bool) -> None:
    assert built(values, FieldScale("x", is_ordered=True)).fields[0].why_unordered == (
        None if has_order else NO_COMMON_ORDER
    )
    assert built(values, FieldScale("x", tuple(values), is_ordered=True)).fields[0].why_unordered is None
    assert built(values).fields[0].why_unordered is None


def test_ground_truth_has_the_same_codes() -> None:
    builder = JudgedReadingsBuilder([FieldScale("x")])
    builder.add([4, 2], ['{"x": "b"}', '{"x": "c"}'], ['{"x": "a"}', '{"x": "b"}'])
    found = builder.build()
    assert found.doctors.tolist() == [4, 2]
    assert found.codes.tolist() == [[1, 2]]
    assert found.truths.tolist() == [[0, 1]]
    assert JudgedReadingsBuilder([FieldScale("x")]).build().codes.shape == (1, 0)


@settings(deadline=None)
@given(values=st.lists(VALUES, max_size=8))
def test_a_code_names_the_category_of_its_value(values: list[JsonValue]) -> None:
    found = built(values)
    assert found.images.tolist() == list(range(1, len(values) + 1))
    for value, code in zip(values, found.codes[0].tolist(), strict=True):
        assert category_key(found.fields[0].categories[code]) == category_key(value)
    keys = [category_key(named) for named in found.fields[0].categories]
    assert len(keys) == len(set(keys))
    mixed = built(values[::-1])
    assert exact(mixed.fields[0].categories) == exact(found.fields[0].categories)
    assert np.array_equal(mixed.codes[:, ::-1], found.codes)
