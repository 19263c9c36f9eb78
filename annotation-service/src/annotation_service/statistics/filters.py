"""Which labels statistics are made from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query

from annotation_service.fields import IdQuery
from lightbox_shared.errors import InvalidRequest
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.requests.periods import DayOrInstant, Period


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
    since: Annotated[
        DayOrInstant | None, Query(alias="from", description="The first day, in UTC, or the first instant.")
    ] = None,
    until: Annotated[
        DayOrInstant | None, Query(alias="to", description="The last day, in UTC, or the instant before which.")
    ] = None,
) -> LabelFilter:
    try:
        finished = Period.of(since, until)
    except ValueError as error:
        raise InvalidRequest.of("from", Sentence("ends-before-it-begins", "It is later than `to`."), "query") from error
    return LabelFilter(
        scheme=scheme or None,
        assignment_id=assignment_id,
        finished_from=finished.begin,
        finished_before=finished.end,
    )


FilterQuery = Annotated[LabelFilter, Depends(_filter)]
"""The filter in the query of a request."""
