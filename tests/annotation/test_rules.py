"""The rules of the workflow by themselves."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation_service.workflow.rules import Agreed, Disagreed, Reading, Undecided, compared, decide, majority
from annotation_service.workflow.states import ImageState, JobKind

RUNNING, DIFFERENT, AGAIN = ImageState.RUNNING, ImageState.DIFFERENT, ImageState.DIFFERENT_AGAIN


def readings(*values: object, kinds: str = "") -> list[Reading]:
    """Readings with the label ids 1, 2, ...; the letter `x` in `kinds` stands for an expert."""
    return [
        Reading(n, {"dr": value}, JobKind.EXPERT if kinds[n - 1 : n] == "x" else JobKind.READER)
        for n, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("state", "values", "kinds", "wanted", "decision"),
    [
        (RUNNING, "a", "", 0, Agreed(1)),
        (RUNNING, "aa", "", 0, Agreed(1)),
        (RUNNING, "ab", "", 0, Disagreed(again=False)),
        (RUNNING, "baa", "", 0, Agreed(2)),
        (RUNNING, "abab", "", 0, Disagreed(again=False)),
        (RUNNING, "a", "", 2, Undecided()),
        (RUNNING, "", "", 0, Undecided()),
        (DIFFERENT, "abb", "", 0, Agreed(2)),
        (DIFFERENT, "abc", "", 0, Disagreed(again=True)),
        (AGAIN, "abc", "", 0, Undecided()),
        (AGAIN, "abcd", "rrrx", 0, Agreed(4)),
        (ImageState.DONE, "ab", "", 0, Undecided()),
        (ImageState.UNASSIGNED, "", "", 0, Undecided()),
    ],
)
def test_what_follows(state: ImageState, values: str, kinds: str, wanted: int, decision: object) -> None:
    found = readings(*values, kinds=kinds)
    assert decide(state, found, open_jobs=0, wanted_readers=wanted) == decision
    assert decide(state, found, open_jobs=1, wanted_readers=wanted) == Undecided()


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ({"dr": True, "comment": "x"}, {"dr": True, "comment": "y"}, True),
        ({"dr": True, "rvo": None}, {"dr": True}, True),
        ({"quality": [801, 701]}, {"quality": [701, 801, 701]}, True),
        ({"dr": True}, {"dr": 1}, False),
        ({"dr": 1}, {"dr": "1"}, False),
        ({"dr": False}, {}, False),
        ({"quality": [701]}, {"quality": 701}, False),
    ],
)
def test_when_labels_agree(first: dict[str, Any], second: dict[str, Any], *, equal: bool) -> None:
    assert (compared(first) == compared(second)) is equal


@given(st.lists(st.integers(0, 3), max_size=12))
def test_a_majority_is_more_than_half(values: list[int]) -> None:
    found = majority(readings(*values))
    winners = [value for value in set(values) if 2 * values.count(value) > len(values)]
    assert found == (values.index(winners[0]) + 1 if winners else None)
