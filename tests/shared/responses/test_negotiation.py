"""`Accept` and `Accept-Encoding` (RFC 9110 section 12.5), beside the reading of another library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from lightbox_shared.responses.negotiation import choose, media_ranges, preference, prefers_coding

JSON, CBOR, LINKS, PNG = "application/json", "application/cbor", "application/link-format", "image/png"
OFFERED = (JSON, CBOR, LINKS, PNG)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/cbor", CBOR),
        ("application/cbor;q=0.5, application/json;q=0.4", CBOR),
        ("application/cbor, application/json", JSON),  # liked equally: the first offered
        ("application/cbor, */*", CBOR),  # liked equally: the one that is named
        ("image/*", PNG),
        ("image/*;q=0.1, application/*;q=0.2", JSON),
        ("application/json;q=0, */*", CBOR),
        ("text/html", None),
        ("text/html, */*;q=0", None),
        ("APPLICATION/CBOR", CBOR),
        (", application/cbor ,", CBOR),
        ("application/json;version=1;q=0.1, application/cbor;q=0.2", CBOR),
        ("json", JSON),  # malformed: no preference
        ("application/cbor;q=2", JSON),
        ("application/cbor;q=x", JSON),
        ("*/json", JSON),
    ],
)
def test_the_media_type_that_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert choose(accept, OFFERED) == chosen


def test_nothing_is_offered() -> None:
    assert choose("*/*", ()) is None
    assert choose(None, ()) is None


RANGES = st.sampled_from([*OFFERED, "image/*", "application/*", "*/*", "text/html"])
WEIGHTS = st.integers(0, 10).map(lambda tenths: f"{tenths / 10:g}")


@given(st.dictionaries(RANGES, WEIGHTS, min_size=1, max_size=6))
def test_qualities_are_those_of_another_reader(likings: dict[str, str]) -> None:
    accept = ", ".join(f"{name};q={weight}" for name, weight in likings.items())
    reference = parse_accept_header(accept, MIMEAccept)
    for media_type in OFFERED:
        assert preference(media_type, media_ranges(accept)).quality == reference.quality(media_type)
    chosen = choose(accept, OFFERED)
    best = max(reference.quality(media_type) for media_type in OFFERED)
    assert (0 if chosen is None else reference.quality(chosen)) == best


@given(st.text())
def test_any_header_is_read(accept: str) -> None:
    assert choose(accept, OFFERED) in {*OFFERED, None}
    assert prefers_coding(accept, "zstd") in {True, False}


@pytest.mark.parametrize(
    ("header", "preferred"),
    [
        (None, False),
        ("", False),
        ("zstd", True),
        ("gzip, ZSTD", True),
        ("zstd;q=0", False),
        ("zstd;q=0.5", True),
        ("zstd;q=0.5, identity;q=0.5", True),
        ("zstd;q=0.5, identity", False),
        ("*", False),
        ("gzip", False),
        ("zstd;q=2", False),
    ],
)
def test_a_content_coding(header: str | None, preferred: bool) -> None:
    assert prefers_coding(header, "zstd") is preferred
