"""Which labels statistics are made from."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import Depends, Query

from annotation_service.fields import IdQuery
from lightbox_shared.errors import InvalidRequest

LAST_DAY = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """Labels of finished jobs; None for all."""

    scheme: str | None = None
    """`name` or `name/version`; the built-in scheme by default."""
    assignment_id: int | None = None
    account_id: int | None = None
    finished_from: datetime | None = None
    finished_before: datetime | None = None


async def _filter(
    scheme: Annotated[str | None, Query(max_length=200, description="`name` or `name/version`.")] = None,
    assignment_id: IdQuery = None,
    first_day: Annotated[date | None, Query(alias="from", description="The first day, in UTC.")] = None,
    last_day: Annotated[date | None, Query(alias="to", description="The last day, in UTC.")] = None,
) -> LabelFilter:
    if first_day and last_day and first_day > last_day:
        raise InvalidRequest.of("from", "It is later than `to`.", "query")
    before = None if last_day is None or last_day == LAST_DAY else _start(last_day + timedelta(days=1))
    return LabelFilter(
        scheme=scheme or None,
        assignment_id=assignment_id,
        finished_from=None if first_day is None else _start(first_day),
        finished_before=before,
    )


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


FilterQuery = Annotated[LabelFilter, Depends(_filter)]
"""The filter in the query of a request."""
