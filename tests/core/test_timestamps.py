"""Reading and writing of timestamps."""

from datetime import UTC, datetime, timedelta

import pytest

from core_collection_service.protocol.timestamps import format_timestamp, from_epoch, from_query, parse_timestamp

AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-18T02:04:07Z",
        "2024-08-18T02:04:07",
        "2024-08-18t02:04:07z",
        "2024-08-18 02:04:07Z",
        "  2024-08-18T02:04:07Z\n",
        "2024-08-18T02:04:07.000Z",
        "2024-08-18T02:04:07,0Z",
        "20240818T020407Z",
        "2024-W33-7T02:04:07Z",
        "2024-08-18T04:04:07+02:00",
        "2024-08-18T04:04:07+0200",
        "2024-08-18T04:04:07+02",
        "2024-08-17T16:34:07-09:30",
        "2024-08-18T02:04:07-00:00",
        "2024-08-18T02:04:07.0000000Z",
        "2024-08-18T02:04:07.0000009Z",
    ],
)
def test_one_instant_in_many_notations(text: str) -> None:
    assert parse_timestamp(text) == AT
    assert parse_timestamp(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.2Z", "2017-01-01T00:00:00.200000Z"),
        ("2016-12-31T23:59:60.7Z", "2017-01-01T00:00:00.700000Z"),
        ("20161231T235960Z", "2017-01-01T00:00:00Z"),
        ("2024-08-18T02:04:07.5Z", "2024-08-18T02:04:07.500000Z"),
        ("2024-08-18T02:04:07.123456789Z", "2024-08-18T02:04:07.123456Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2024-08-18T02:04Z", "2024-08-18T02:04:00Z"),
    ],
)
def test_unusual_timestamps(text: str, written: str) -> None:
    assert format_timestamp(parse_timestamp(text)) == written
    assert parse_timestamp(written) == parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-08-18",
        "02:04:07Z",
        "1723946647",
        "2024-08-18T",
        "2024-08-18T02:04:07ZZ",
        "2024-08-18T02:04:07 UTC",
        "2024-08-18T02:04:07+25:00",
        "2024-08-18T24:00:00Z",
        "2024-08-18T25:00:00Z",
        "2024-08-18T02:60:00Z",
        "2024-08-18T02:04:61Z",
        "2024-08-18T02:04:60Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2024-08-18T02:04:07Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        "2024-08-18T02:04:07Z\0",
        "２０２４-08-18T02:04:07Z",
        "2024-08-18T02:04:07." + "0" * 100 + "Z",
    ],
)
def test_invalid_timestamps(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-18T04:04:07 02:00",
        "2024-08-18 04:04:07 02:00",
        "2024-08-18T04:04:07 0200",
        "2024-08-18T04:04:07+02:00",
        "2024-08-18 02:04:07",
        "2024-08-18 02:04:07Z",
        "20240818 020407Z",
        "20240818T040407 0200",
    ],
)
def test_a_plus_that_was_not_encoded(text: str) -> None:
    assert from_query(text) == AT


@pytest.mark.parametrize(
    ("seconds", "instant"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1.5, datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)),
        (1363896240.5, datetime(2013, 3, 21, 20, 4, 0, 500_000, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (-62135596800, datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_seconds_since_the_epoch(seconds: float, instant: datetime) -> None:
    assert abs(from_epoch(seconds) - instant) <= MICROSECOND


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -float("inf"), 1e300, 253402300800, -62135596801])
def test_invalid_seconds_since_the_epoch(seconds: float) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_epoch(seconds)
