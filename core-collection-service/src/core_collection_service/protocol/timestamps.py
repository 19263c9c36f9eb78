"""Timestamps as devices write them: ISO 8601 in JSON, CBOR and queries, seconds since the epoch in CBOR (RFC 8949
section 3.4.2). Instants are kept to the microsecond. Further digits of a text are cut off; seconds since the epoch are
rounded, since a float is rarely the fraction that was meant. The same notation always finds the same picture.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

NOT_A_TIMESTAMP: Final = "Not an ISO 8601 date and time, such as 2024-08-18T02:04:07Z"
"""How sentences about timestamps begin; what is wrong with it follows."""
LONGEST_TIMESTAMP: Final = 64
"""In characters."""
# The standard library reads date and time; this excludes what it reads too freely.
_DATE_TIME: Final = re.compile(r"[0-9W-]{7,10}[T ]([0-9:]+)((?:[.,][0-9]+)?)(Z|[+-][0-9:]+)?")
_LEAP_SECOND: Final = re.compile(r"([0-9]{2}:[0-9]{2}:|[0-9]{4})60")
_SECOND: Final = timedelta(seconds=1)


def parse_timestamp(text: str) -> datetime:
    """An ISO 8601 date with a time, in UTC; a time without a zone is taken as UTC. Raises `ValueError`.

    A leap second, 23:59:60 UTC, is the second after 23:59:59 (POSIX time has no other place for it).
    """
    if len(text) > LONGEST_TIMESTAMP:
        raise ValueError("longer than any ISO 8601 date and time")
    upper = text.strip().upper()
    parts = _DATE_TIME.fullmatch(upper)
    if parts is None:
        raise ValueError("not an ISO 8601 date and time")
    if parts[1].startswith("24"):
        raise ValueError("an hour of 24")  # newer versions of the library take it for the next day
    is_leap_second = _LEAP_SECOND.fullmatch(parts[1]) is not None
    if is_leap_second:
        upper = upper[: parts.end(1) - 2] + "59" + upper[parts.end(1) :]
    instant = _in_utc(datetime.fromisoformat(upper))
    if is_leap_second:
        if (instant.hour, instant.minute) != (23, 59):
            raise ValueError("no leap second")
        instant = _after(instant, _SECOND)
    return instant


def from_epoch(seconds: float) -> datetime:
    """Seconds since 1970, which may be negative and have a fraction, in UTC. Raises `ValueError`."""
    if not math.isfinite(seconds):
        raise ValueError("not a number of seconds")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("outside of the years 1 to 9999") from error


def from_query(text: str) -> datetime:
    """`parse_timestamp` for a query, where `+02:00` arrives as ` 02:00` if the client did not encode the plus. Raises
    `ValueError`."""
    head, separator, zone = text.strip().rpartition(" ")
    # A blank before the time of day is allowed (RFC 3339 section 5.6); one behind the time was a plus.
    return parse_timestamp(f"{head}+{zone}" if separator and (":" in head or "T" in head.upper()) else text)


def format_timestamp(instant: datetime) -> str:
    """ISO 8601 in UTC with `Z`; a fraction only where there is one."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999 in UTC") from error


def _after(instant: datetime, duration: timedelta) -> datetime:
    try:
        return instant + duration
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999") from error
