"""Which images qualify for agreement, what is undefined, and how the intervals are made."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.readings import agreement_of, of_two_doctors, readings_of, value

from annotation_service.statistics import bootstrap
from annotation_service.statistics.agreement import MAX_PAIRS, FieldAgreement, agreement
from annotation_service.statistics.bootstrap import ALL_EQUAL, TOO_FEW_DEFINED, Measure
from annotation_service.statistics.many_readers import (
    NOTHING_COMPARED,
    ONE_CATEGORY,
    SCALE_OF_ONE,
    ManyReaders,
)
from annotation_service.statistics.readings import (
    MAX_CATEGORIES,
    NO_COMMON_ORDER,
    OFF_THE_SCALE,
    TOO_MANY_CATEGORIES,
    FieldScale,
    ReadingsBuilder,
)
from annotation_service.statistics.two_readers import TwoReaders

Row = tuple[int | None, ...]


def measures_of(found: FieldAgreement) -> list[Measure]:
    """All measures, of all doctors, of pairs and of doctors with themselves."""
    parts: list[ManyReaders | TwoReaders] = [found.all_doctors, *found.pairs, *found.same_doctor]
    values = [getattr(part, name) for part in parts for name in part.__dataclass_fields__]
    return [measure for measure in values if isinstance(measure, Measure)]


def numbers(measure: Measure) -> tuple[float | None, ...]:
    return measure.value, measure.low, measure.high, measure.resamples


def repeated(readings: Sequence[tuple[int, int, str]]) -> FieldAgreement:
    """The agreement of readings, given by image, doctor and value in order of time."""
    builder = ReadingsBuilder([FieldScale("finding")])
    for image, doctor, chosen in readings:
        builder.add([image], [doctor], [f'{{"finding": "{chosen}"}}'])
    return agreement(builder.build())[0]


def test_counts_are_of_the_images_that_qualify() -> None:
    table: list[Row] = [(0, 1, None), (1, 1, 1), (0, None, None), (None, None, None)]
    found = agreement_of(table)
    counts = found.compared
    assert (counts.images, counts.readings, counts.doctors, counts.pairs) == (2, 5, 3, 4)
    assert found.read_once == 1
    assert [(pair.first, pair.second, pair.images) for pair in found.pairs] == [(1, 2, 2), (1, 3, 1), (2, 3, 1)]
    assert value(found.all_doctors.percent_agreement) == 0.5
    assert value(found.pairs[0].percent_agreement) == 0.5


def test_ids_are_those_of_the_readings() -> None:
    found = repeated([(2**62, 2**61, "a"), (2**62, 7, "a"), (-5, 7, "a"), (-5, 2**61, "b")])
    assert [(pair.first, pair.second, pair.images) for pair in found.pairs] == [(7, 2**61, 2)]


def test_the_first_reading_counts_between_doctors_and_the_first_two_within_a_doctor() -> None:
    found = repeated([
        (1, 1, "a"),
        (1, 1, "b"),
        (1, 1, "b"),
        (1, 2, "a"),
        (2, 1, "b"),
        (2, 1, "b"),
        (2, 2, "b"),
        (3, 2, "a"),
        (3, 2, "a"),
    ])  # fmt: skip
    assert value(found.all_doctors.percent_agreement) == 1
    assert [(pair.first, pair.second, pair.images) for pair in found.same_doctor] == [(1, 1, 2), (2, 2, 1)]
    assert value(found.same_doctor[0].percent_agreement) == 0.5
    assert value(found.same_doctor[0].cohen_kappa) == 0


def test_a_field_without_a_value_is_missing_in_that_field_alone() -> None:
    builder = ReadingsBuilder([FieldScale("one"), FieldScale("other")])
    builder.add([1, 1, 1], [1, 1, 2], ['{"one": 1}', '{"one": 2, "other": 3}', '{"one": 1, "other": 3}'])
    one, other = agreement(builder.build())
    assert one.pairs[0].images == other.pairs[0].images == 1
    assert value(other.pairs[0].percent_agreement) == 1
    assert (len(one.same_doctor), len(other.same_doctor)) == (1, 0)


def test_nothing_to_compare() -> None:
    for table in ([], [(None, None)], [(1, None), (None, 0)]):
        found = (
            agreement_of(table, is_ordered=True) if table else agreement(ReadingsBuilder([FieldScale("x")]).build())[0]
        )
        assert {measure.reason for measure in measures_of(found)} == {NOTHING_COMPARED}
        assert found.pairs == found.same_doctor == ()
    assert agreement(ReadingsBuilder([]).build()) == []


def test_one_category_has_no_kappa_but_a_gwet_ac1_where_the_scale_has_two() -> None:
    found = agreement_of([(False, False)] * 20)
    assert value(found.all_doctors.percent_agreement) == value(found.all_doctors.gwet_ac1) == 1
    assert found.all_doctors.fleiss_kappa == found.all_doctors.krippendorff_alpha == found.pairs[0].cohen_kappa
    assert found.pairs[0].cohen_kappa == Measure(None, None, None, 0, ONE_CATEGORY)
    found = agreement_of([("a", "a")] * 20)
    assert found.all_doctors.gwet_ac1 == found.pairs[0].gwet_ac1 == Measure(None, None, None, 0, SCALE_OF_ONE)


def test_an_interval_needs_resamples_that_differ_and_are_defined() -> None:
    assert agreement_of([(0, 0)] * 9 + [(1, 1)]).all_doctors.percent_agreement.reason == ALL_EQUAL
    thirds = agreement_of([(0, 0, 1)] * 7 + [(1, 2, 1)] * 6).all_doctors.percent_agreement
    assert (thirds.low, thirds.reason) == (None, ALL_EQUAL)
    never_seen_by_the_other = agreement_of([(0, 0)] * 99 + [(1, 0)], resamples=1000).pairs[0].cohen_kappa
    assert (never_seen_by_the_other.value, never_seen_by_the_other.reason) == (0, ALL_EQUAL)
    with_others = agreement_of([(0, 0), (0, 0), (1, None), (None, 1)]).pairs[0].cohen_kappa
    assert with_others.reason == ONE_CATEGORY


def test_undefined_resamples_are_left_out_and_counted() -> None:
    """Where neither of two images is drawn, only one category is left."""
    kappa = agreement_of([(0, 0)] * 49 + [(1, 1), (1, 0)], resamples=2000).pairs[0].cohen_kappa
    assert kappa.low is not None
    assert kappa.resamples / 2000 == pytest.approx(1 - (49 / 51) ** 51, abs=0.03)
    assert kappa.reason is None


def test_too_few_defined_resamples_give_no_interval() -> None:
    values = np.full((1, 101), np.nan)
    values[0, :50] = np.arange(50)
    assert bootstrap.measures(values, ["undefined"]) == [Measure(0.0, None, None, 49, TOO_FEW_DEFINED)]
    values[0, 50] = 50
    assert bootstrap.measures(values, ["undefined"])[0].resamples == 50


def test_quantiles_are_those_of_numpy() -> None:
    generator = np.random.default_rng(3)
    values = generator.normal(size=(4, 1 + 173))
    for row, found in zip(values, bootstrap.measures(values, [""] * 4), strict=True):
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(row[1:], (0.025, 0.975))))


def test_a_field_of_many_values_has_no_measures() -> None:
    table: list[Row] = [(number, number) for number in range(MAX_CATEGORIES + 1)]
    found = agreement_of(table, is_ordered=True)
    assert {measure.reason for measure in measures_of(found)} == {TOO_MANY_CATEGORIES}
    assert found.compared.images == MAX_CATEGORIES + 1
    assert value(agreement_of(table[:MAX_CATEGORIES], is_ordered=True).all_doctors.krippendorff_alpha) == 1


def test_an_ordered_field_whose_values_have_no_order() -> None:
    found = agreement_of([("2", 2), ("1", "1"), (3, 3)], is_ordered=True)
    assert found.pairs[0].linear_kappa == found.pairs[0].quadratic_kappa
    assert found.pairs[0].linear_kappa == found.all_doctors.ordinal_krippendorff_alpha
    assert found.pairs[0].linear_kappa == Measure(None, None, None, 0, NO_COMMON_ORDER)
    assert value(found.pairs[0].percent_agreement) == pytest.approx(2 / 3)
    found = agreement_of([("mild", "mild"), ("none", "moderate")], ("none", "mild", "severe"), is_ordered=True)
    assert found.pairs[0].linear_kappa == Measure(None, None, None, 0, OFF_THE_SCALE)


def test_the_scale_decides_how_far_categories_are_apart() -> None:
    table = [("mild", "none"), ("none", "none"), ("severe", "severe"), ("none", "severe"), ("mild", "mild")]
    sorted_by_name = agreement_of(table, is_ordered=True).pairs[0]
    by_severity = agreement_of(table, ("none", "mild", "moderate", "severe"), is_ordered=True).pairs[0]
    assert value(sorted_by_name.cohen_kappa) == value(by_severity.cohen_kappa)
    assert value(sorted_by_name.linear_kappa) != value(by_severity.linear_kappa)
    assert agreement_of(table).pairs[0].linear_kappa is None


def test_only_the_largest_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PAIRS >= 66  # of twelve doctors
    monkeypatch.setattr("annotation_service.statistics.agreement.MAX_PAIRS", 2)
    found = agreement_of([(1, 1, None, 1), (1, 2, None, None), (None, 1, 1, 1), (2, 2, None, 1)])
    assert [(pair.first, pair.second, pair.images) for pair in found.pairs] == [(1, 2, 3), (2, 4, 3)]
    assert found.pairs_left_out == 3
    found = repeated([(image, doctor, "a") for image in (1, 2) for doctor in (1, 2, 3) for _ in range(image * doctor)])
    assert [(pair.first, pair.images, pair.second) for pair in found.same_doctor] == [(2, 2, 2), (3, 2, 3)]
    assert found.same_doctor_left_out == 1


def test_the_same_readings_have_the_same_interval_whatever_is_beside_them() -> None:
    generator = np.random.default_rng(5)
    table = generator.integers(0, 3, (60, 3)).tolist()
    found = agreement_of(table, is_ordered=True)
    assert found == agreement_of(table, is_ordered=True)
    assert found.pairs == agreement_of(table[30:] + table[:30], is_ordered=True).pairs
    with_another_doctor = agreement_of([[*row, place % 3] for place, row in enumerate(table)], is_ordered=True)
    assert found.pairs[0] == with_another_doctor.pairs[0]


def test_memory_limits_change_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(6)
    table = [[int(code) if code < 3 else None for code in row] for row in generator.integers(0, 4, (80, 5))]
    expected = agreement_of(table, is_ordered=True)
    for module in ("bootstrap", "patterns", "two_readers"):
        monkeypatch.setattr(f"annotation_service.statistics.{module}._CELLS", 40)
    found = agreement_of(table, is_ordered=True)
    assert [numbers(one) for one in measures_of(found)] == [
        pytest.approx(numbers(one), abs=1e-12) for one in measures_of(expected)
    ]
    assert found.pairs == expected.pairs


@pytest.mark.parametrize("seed", [11, 12])
def test_intervals_cover_the_truth(seed: int) -> None:
    """Of the intervals of 200 studies of the same population about 95 % contain its value."""
    generator = np.random.default_rng(seed)
    share = np.array([[0.5, 0.08, 0.02], [0.05, 0.15, 0.04], [0.01, 0.03, 0.12]])
    population = agreement_of(of_two_doctors((share * 1000).round().astype(int).tolist()), is_ordered=True)
    covered = dict.fromkeys(("cohen_kappa", "quadratic_kappa", "gwet_ac1", "percent_agreement"), 0)
    alpha_covered = 0
    for _ in range(200):
        study = generator.multinomial(250, share.ravel()).reshape(3, 3)
        found = agreement_of(of_two_doctors(study.tolist()), range(3), is_ordered=True, resamples=400)
        for name in covered:
            measure = getattr(found.pairs[0], name)
            covered[name] += measure.low <= value(getattr(population.pairs[0], name)) <= measure.high
        alpha = found.all_doctors.krippendorff_alpha
        assert alpha.low is not None
        assert alpha.high is not None
        alpha_covered += alpha.low <= value(population.all_doctors.krippendorff_alpha) <= alpha.high
    assert all(180 <= count <= 199 for count in (*covered.values(), alpha_covered)), (covered, alpha_covered)


@pytest.mark.parametrize("pattern_cost", [0, 10**6])
def test_a_resample_by_patterns_is_one_by_images(pattern_cost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval is that of a bootstrap that computes with images one by one."""
    monkeypatch.setattr(bootstrap, "PATTERN_COST", pattern_cost)
    generator = np.random.default_rng(8)
    table = generator.integers(0, 2, (70, 3))
    per_image = [np.mean([row[0] == row[1], row[0] == row[2], row[1] == row[2]]) for row in table]
    drawn = generator.choice(per_image, (4000, 70)).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    found = agreement_of(table.tolist(), resamples=4000).all_doctors.percent_agreement
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


@settings(deadline=None)
@given(
    table=st.lists(st.tuples(*[st.none() | st.integers(0, 3)] * 4), min_size=1, max_size=15),
    categories=st.sampled_from([(), (0, 1, 2, 3)]),
)
def test_every_measure_is_a_number_in_its_range_or_has_a_reason(table: list[Row], categories: tuple[int, ...]) -> None:
    with np.errstate(all="raise"):
        found = agreement_of(table, categories, is_ordered=True, resamples=30)
    for measure in measures_of(found):
        if measure.value is None:
            assert measure.reason
            assert (measure.low, measure.high, measure.resamples) == (None, None, 0)
        else:
            bounds = (measure.low, measure.high) if measure.low is not None else ()
            assert all(number is not None and isfinite(number) and number <= 1 for number in (measure.value, *bounds))
            assert (measure.low is None) == (measure.high is None) == (measure.reason is not None)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=2, max_size=10), seed=st.integers(0, 9)
)
def test_neither_the_order_of_images_nor_of_doctors_matters(rows: list[list[int]], seed: int) -> None:
    generator = np.random.default_rng(seed)
    images, doctors = generator.permutation(len(rows)), generator.permutation(3)
    mixed = [[rows[image][doctor] for doctor in doctors] for image in images]
    assert agreement_of(rows, is_ordered=True).all_doctors == agreement_of(mixed, is_ordered=True).all_doctors


def test_readings_are_sorted() -> None:
    readings = readings_of([(1, 2), (3, 4)])
    assert all(one <= other for one, other in pairwise(zip(readings.images, readings.doctors, strict=True)))
