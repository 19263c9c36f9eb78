"""The measures of agreement, against established libraries.

`agreement_references.json` has the figures of irrCAC, krippendorff, scikit-learn and statsmodels for generated readings
(`tools/agreement_references.py`). NLTK computes here, for readings that hypothesis generates.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.readings import agreement_of, value

from annotation_service.statistics.accuracy import wilson_interval

REFERENCES = json.loads(Path(__file__).with_name("agreement_references.json").read_text(encoding="utf-8"))
CATEGORIES = range(4)

Complete = list[tuple[int, ...]]


def complete(doctors: int) -> st.SearchStrategy[Complete]:
    """Readings of 2 to 12 images by each of so many doctors, with two categories or more."""
    row = st.tuples(*[st.sampled_from(CATEGORIES)] * doctors)
    return st.lists(row, min_size=2, max_size=12).filter(lambda rows: len({code for row in rows for code in row}) > 1)


def annotation_task(rows: Sequence[Sequence[int | None]], distance: Callable[[int, int], float] | None = None) -> Any:
    """NLTK's object for the readings."""
    from nltk.metrics.agreement import AnnotationTask  # noqa: PLC0415 - it takes seconds, in every worker
    from nltk.metrics.distance import binary_distance  # noqa: PLC0415

    triples = [(d, i, code) for i, row in enumerate(rows) for d, code in enumerate(row) if code is not None]
    return AnnotationTask(triples, distance or binary_distance)


@pytest.mark.parametrize("reference", REFERENCES["sets"], ids=range(len(REFERENCES["sets"])))
def test_figures_of_libraries(reference: dict[str, Any]) -> None:
    table = [[None if code == "." else int(code) for code in row] for row in reference["readings"].split()]
    found = agreement_of(table, range(reference["categories"]), is_ordered=True, resamples=10)
    pair = next(pair for pair in found.pairs if (pair.first, pair.second) == (1, 2))
    ours = {
        "percent_agreement": found.all_doctors.percent_agreement,
        "fleiss_kappa": found.all_doctors.fleiss_kappa,
        "complete_fleiss_kappa": found.all_doctors.fleiss_kappa,
        "gwet_ac1": found.all_doctors.gwet_ac1,
        "nominal_alpha": found.all_doctors.krippendorff_alpha,
        "ordinal_alpha": found.all_doctors.ordinal_krippendorff_alpha,
        "cohen_kappa": pair.cohen_kappa,
        "linear_kappa": pair.linear_kappa,
        "quadratic_kappa": pair.quadratic_kappa,
    }
    theirs = reference["figures"]
    assert {name: value(ours[name]) for name in theirs} == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("reference", REFERENCES["wilson"])
def test_interval_of_wilson(reference: dict[str, Any]) -> None:
    found = wilson_interval(reference["successes"], reference["trials"])
    assert found == pytest.approx(reference["interval"], abs=1e-12)


@settings(deadline=None)
@given(rows=complete(2))
def test_two_doctors(rows: Complete) -> None:
    pair = agreement_of(rows, CATEGORIES, is_ordered=True, resamples=2).pairs[0]
    task = annotation_task(rows)
    assert value(pair.percent_agreement) == pytest.approx(task.avg_Ao())
    assert value(pair.cohen_kappa) == pytest.approx(task.kappa(), abs=1e-9)
    linear = annotation_task(rows, lambda one, other: float(abs(one - other)))
    assert value(pair.linear_kappa) == pytest.approx(linear.weighted_kappa(), abs=1e-9)
    quadratic = annotation_task(rows, lambda one, other: float((one - other) ** 2))
    assert value(pair.quadratic_kappa) == pytest.approx(quadratic.weighted_kappa(), abs=1e-9)


@settings(deadline=None)
@given(rows=complete(4))
def test_four_doctors(rows: Complete) -> None:
    measures = agreement_of(rows, CATEGORIES, resamples=2).all_doctors
    task = annotation_task(rows)
    assert value(measures.percent_agreement) == pytest.approx(task.avg_Ao())
    assert value(measures.fleiss_kappa) == pytest.approx(task.pi(), abs=1e-9)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(*[st.none() | st.sampled_from(CATEGORIES)] * 4), min_size=2, max_size=12))
def test_alpha_with_missing_readings(rows: list[tuple[int | None, ...]]) -> None:
    pairable = [[code for code in row if code is not None] for row in rows]
    pooled = [code for codes in pairable if len(codes) > 1 for code in codes]
    assume(len(set(pooled)) > 1)
    measures = agreement_of(rows, CATEGORIES, is_ordered=True, resamples=2).all_doctors
    assert value(measures.krippendorff_alpha) == pytest.approx(annotation_task(rows).alpha(), abs=1e-9)

    def ordinal(one: int, other: int) -> float:
        """Krippendorff (2011), the metric of ordinal data."""
        low, high = min(one, other), max(one, other)
        between = sum(pooled.count(code) for code in range(low, high + 1))
        return (between - (pooled.count(low) + pooled.count(high)) / 2) ** 2

    expected = annotation_task(rows, ordinal).alpha()
    assert value(measures.ordinal_krippendorff_alpha) == pytest.approx(expected, abs=1e-9)
