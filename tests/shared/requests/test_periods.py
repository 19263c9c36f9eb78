"""Periods of days and of instants."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from lightbox_shared.requests.periods import NOT_A_DAY, DayOrInstant, Period

ADAPTER: TypeAdapter[date] = TypeAdapter(DayOrInstant)
MIDNIGHT_IN_SHANGHAI = datetime(2026, 11, 28, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-29", date(2026, 11, 29)),
        ("2026-11-29T00:00:00Z", datetime(2026, 11, 29, tzinfo=UTC)),
        ("2026-11-28t16:00:00z", MIDNIGHT_IN_SHANGHAI),
        ("2026-11-29T00:00:00+08:00", MIDNIGHT_IN_SHANGHAI),
        ("2026-11-29 00:00:00 08:00", MIDNIGHT_IN_SHANGHAI),
        ("2026-11-28T16:00:00.000Z", MIDNIGHT_IN_SHANGHAI),
    ],
)
def test_a_day_stays_a_day_and_an_instant_is_in_utc(text: str, expected: date) -> None:
    found = ADAPTER.validate_python(text)
    assert (type(found), found) == (type(expected), expected)
    assert ADAPTER.validate_json(ADAPTER.dump_json(found)) == found


@pytest.mark.parametrize(
    "wrong",
    [
        *("yesterday", "", "2026-02-30", "2026-11-29T00:00:00", "2026-11-29T25:00:00Z", "2026-11-29T00:00Z"),
        *("0001-01-01T00:00:00+08:00", "9999-12-31T23:00:00-08:00", "1764374400", 1764374400, True, {}),
    ],
)
def test_whatever_else_is_refused_once(wrong: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        ADAPTER.validate_python(wrong)
    assert [each["msg"] for each in refused.value.errors()] == [f"Value error, {NOT_A_DAY}"]


def test_the_description_has_both() -> None:
    formats = [each["format"] for each in ADAPTER.json_schema()["anyOf"]]
    assert formats == ["date", "date-time"]


def test_a_last_day_is_in_the_period_and_a_last_instant_is_not() -> None:
    day, instant = date(2026, 11, 29), MIDNIGHT_IN_SHANGHAI
    assert Period.of(day, day) == Period(datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    assert Period.of(instant, day).begin == instant
    assert Period.of(None, instant) == Period(None, instant)
    assert Period.of(date.min, date.max) == Period(datetime(1, 1, 1, tzinfo=UTC), None)
    for since, until in ((day, date(2026, 11, 28)), (instant, instant), (day, instant)):
        with pytest.raises(ValueError, match="before"):
            Period.of(since, until)
