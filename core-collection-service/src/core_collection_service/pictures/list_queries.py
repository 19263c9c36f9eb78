"""The queries of lists, read and checked: each parameter once, and nothing that is not what it says."""

from datetime import datetime
from typing import Protocol

from starlette.datastructures import QueryParams

from core_collection_service.pictures.errors import InvalidField, NoSuchPicture
from core_collection_service.pictures.submission import check_device_id, query_timestamp
from lightbox_shared.pagination import DEFAULT_LIMIT, MAX_LIMIT

_MAX_ID = 2**63 - 1
_FLAGS = {None: False, "0": False, "false": False, "1": True, "true": True}


class Queried(Protocol):
    """A request, over HTTP or over CoAP."""

    @property
    def query_params(self) -> QueryParams:
        """Its query."""


def parameter(request: Queried, name: str) -> str | None:
    """A parameter that may be left out. Raises `InvalidField` if it stands twice."""
    found = request.query_params.getlist(name)
    if len(found) > 1:
        raise InvalidField(name, "It stands more than once.", "query")
    return found[0] if found else None


def device(request: Queried) -> str | None:
    """`deviceId`. Raises `InvalidField`."""
    found = parameter(request, "deviceId")
    return None if found is None else check_device_id(found, "query")


def limit(request: Queried) -> int:
    """`limit`. Raises `InvalidField`."""
    found = parameter(request, "limit")
    if found is None:
        return DEFAULT_LIMIT
    if found.isascii() and found.isdigit() and len(found) <= len(str(MAX_LIMIT)) and 1 <= int(found) <= MAX_LIMIT:
        return int(found)
    raise InvalidField("limit", f"Not a number from 1 to {MAX_LIMIT}.", "query")


def span(request: Queried) -> tuple[datetime | None, datetime | None]:
    """`from` and `to`. Raises `InvalidField`."""
    start, end = _instant(request, "from"), _instant(request, "to")
    if start is not None and end is not None and end < start:
        raise InvalidField("to", "Earlier than from.", "query")
    return start, end


def flag(request: Queried, name: str) -> bool:
    """1 or 0. Raises `InvalidField`."""
    found = parameter(request, name)
    if found not in _FLAGS:
        raise InvalidField(name, "Neither 1 nor 0.", "query")
    return _FLAGS[found]


def picture_id(text: str) -> int:
    """The id in a path. Raises `NoSuchPicture` for whatever no picture can have."""
    found = whole_number(text)
    if found is None:
        raise NoSuchPicture
    return found


def whole_number(text: str) -> int | None:
    """Digits as a number that fits into a column of ids; None for everything else."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_ID)) and int(text) <= _MAX_ID:
        return int(text)
    return None


def _instant(request: Queried, name: str) -> datetime | None:
    found = parameter(request, name)
    return None if found is None else query_timestamp(found, name)
