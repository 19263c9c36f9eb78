"""Periods in filters: from and to a day in UTC, or an instant, which is how days of another zone are written."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator

from lightbox_shared.errors.sentences import Sentence

NOT_A_DAY: Final = Sentence(
    "not-a-time",
    "Neither a day, such as 2026-11-29, nor an instant with its zone, such as 2026-11-29T00:00:00+08:00 (RFC 3339).",
)
ENDS_BEFORE_IT_BEGINS: Final = Sentence("ends-before-it-begins", "`to` is before `from`.")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# A `+` that was not encoded in a query arrives as a blank.
_INSTANT: Final = re.compile(rf"({_DAY.pattern})[Tt ]([0-9:]{{8}}(?:\.[0-9]+)?)([Zz]|[+ -][0-9]{{2}}:[0-9]{{2}})")


def _parsed(value: object) -> object:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise ValueError(NOT_A_DAY)  # noqa: TRY004 - pydantic makes an answer of it
    text = value.strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        found = _INSTANT.fullmatch(text)
        if found is not None:
            zone = found[3].upper().replace(" ", "+")
            return datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(NOT_A_DAY) from error
    raise ValueError(NOT_A_DAY)


DayOrInstant = Annotated[date | AwareDatetime, BeforeValidator(_parsed)]
"""A day in UTC, or an instant, which has a zone."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open interval of instants; None for no limit."""

    begin: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, since: date | None, until: date | None) -> "Period":
        """From `since` on, to the end of the day `until`, or before that instant. Raises `ValueError` if nothing is
        left between them."""
        begin = None if since is None else _begin(since)
        end = None if until is None else _end(until)
        if begin is not None and end is not None and end <= begin:
            raise ValueError(ENDS_BEFORE_IT_BEGINS)
        return cls(begin, end)


ALWAYS: Final = Period()


def _begin(day: date) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, time.min, UTC)


def _end(day: date) -> datetime | None:
    if isinstance(day, datetime):
        return day
    return None if day == date.max else _begin(day + timedelta(days=1))
