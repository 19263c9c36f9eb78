"""The filter of pictures by when they were added."""

from datetime import date
from typing import Annotated

from fastapi import Query

from lightbox_shared.errors import InvalidRequest
from lightbox_shared.requests.periods import DayOrInstant, Period

AddedFrom = Annotated[
    DayOrInstant | None,
    Query(alias="from", description="Added on this day or later, in UTC, or from this instant on."),
]
AddedTo = Annotated[
    DayOrInstant | None,
    Query(alias="to", description="Added on this day or before, in UTC, or before this instant."),
]


def added(since: date | None, until: date | None) -> Period:
    """The period of both. Raises `InvalidRequest` if `to` is before `from`."""
    try:
        return Period.of(since, until)
    except ValueError as error:
        raise InvalidRequest.of("to", str(error), "query") from error
