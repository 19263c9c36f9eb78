"""Reading `Content-Length`."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightbox_shared.requests.content_length import content_length


@given(st.integers(0, 10**18 - 1), st.integers(0, 6000))
def test_numbers(number: int, zeros: int) -> None:
    text = "0" * zeros + str(number)
    assert content_length(text) == content_length(text.encode()) == number


@given(st.integers(19, 6000))
def test_a_number_that_is_too_long_is_larger_than_any_body(digits: int) -> None:
    assert content_length("9" * digits) == sys.maxsize


@pytest.mark.parametrize("value", [None, "", "-1", "+1", "1.5", "1 ", " 1", "0x10", "١", "1,1", b"", b"\xb2", "1_000"])
def test_what_is_no_number(value: str | bytes | None) -> None:
    assert content_length(value) is None
