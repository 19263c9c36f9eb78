"""The query parameters of the collections: how each is read, and how the OpenAPI document describes it.

HTTP and CoAP read them by the same definitions. A parameter may stand once; unknown parameters are ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from starlette.datastructures import QueryParams

from core_collection_service.device_ids import LONGEST_DEVICE_ID, check_device_id, has_forbidden_character
from core_collection_service.errors import REQUIRED, InvalidField
from core_collection_service.protocol.cursors import LONGEST_CURSOR
from core_collection_service.protocol.timestamps import NOT_A_TIMESTAMP, from_query
from lightbox_shared.responses.pagination import DEFAULT_LIMIT, MAX_LIMIT

LONGEST_SIDE: Final = 2048
"""The largest width and height of a thumbnail, in pixels."""
LONGEST_COLLECTION: Final = 100
"""The longest name of a collection, in characters."""
_MAX_ID: Final = 2**63 - 1
_FLAGS: Final = {"0": False, "false": False, "1": True, "true": True}

Value = TypeVar("Value")


class HasQuery(Protocol):
    """A request, over HTTP or over CoAP."""

    @property
    def query_params(self) -> QueryParams:
        """The parameters of its query."""


@dataclass(frozen=True, slots=True)
class QueryParameter(Generic[Value]):
    """One query parameter."""

    name: str
    parse: Callable[[str], Value]
    """Raises `InvalidField`."""
    schema: Mapping[str, object]
    description: str

    def read(self, request: HasQuery) -> Value | None:
        """Its value in a request; None if it is absent. Raises `InvalidField` if it is not valid or stands twice."""
        found = request.query_params.getlist(self.name)
        if len(found) > 1:
            raise InvalidField(self.name, "It stands more than once.", "query")
        return self.parse(found[0]) if found else None

    def read_required(self, request: HasQuery, sentence: str = REQUIRED) -> Value:
        """The same. Raises `InvalidField` with this sentence if it is absent."""
        found = self.read(request)
        if found is None:
            raise InvalidField(self.name, sentence, "query")
        return found

    def describe(self, *, required: bool = False) -> dict[str, Any]:
        """The Parameter Object (OpenAPI 3.1 section 4.8.12)."""
        described = {"name": self.name, "in": "query", "description": self.description, "schema": dict(self.schema)}
        return {**described, "required": True} if required else described


def read_limit(request: HasQuery) -> int:
    """How many rows a page may have. Raises `InvalidField`."""
    limit = LIMIT.read(request)
    return DEFAULT_LIMIT if limit is None else limit


def read_time_range(request: HasQuery) -> tuple[datetime | None, datetime | None]:
    """`from` and `to`, each None if it is absent. Raises `InvalidField`, also where `to` is the earlier one."""
    start, end = FROM.read(request), TO.read(request)
    if start is not None and end is not None and end < start:
        raise InvalidField("to", "Earlier than from.", "query")
    return start, end


def parse_row_id(text: str) -> int | None:
    """Decimal digits as the id of a row; None for everything that no row can have as its id."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_ID)) and int(text) <= _MAX_ID:
        return int(text)
    return None


def _timestamp(text: str, name: str) -> datetime:
    try:
        return from_query(text)
    except ValueError as error:
        raise InvalidField(name, f"{NOT_A_TIMESTAMP}: {error}.", "query") from error


def _number(text: str, name: str, maximum: int, unit: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) and 1 <= int(text) <= maximum:
        return int(text)
    raise InvalidField(name, f"Not a {unit} from 1 to {maximum}.", "query")


def _flag(text: str, name: str) -> bool:
    if text not in _FLAGS:
        raise InvalidField(name, "Neither 1 nor 0.", "query")
    return _FLAGS[text]


def _event_id(text: str) -> int | None:
    if not text:
        return None  # what a page sends before its first event
    found = parse_row_id(text)
    if found is None:
        raise InvalidField("lastEventId", "Not the id of an event.", "query")
    return found


def _collection(text: str) -> str:
    """A name that a collection can have had, configured or not."""
    if len(text) > LONGEST_COLLECTION:
        raise InvalidField("collection", f"Longer than {LONGEST_COLLECTION} characters.", "query")
    if has_forbidden_character(text):
        raise InvalidField("collection", "Control characters are not allowed.", "query")
    return text


def _timestamp_parameter(name: str, description: str) -> QueryParameter[datetime]:
    schema = {"type": "string", "format": "date-time", "examples": ["2024-08-18T02:04:07Z"]}
    return QueryParameter(name, partial(_timestamp, name=name), schema, description)


def _number_parameter(name: str, maximum: int, description: str, unit: str = "number") -> QueryParameter[int]:
    schema = {"type": "integer", "minimum": 1, "maximum": maximum}
    return QueryParameter(name, partial(_number, name=name, maximum=maximum, unit=unit), schema, description)


DEVICE_ID: Final = QueryParameter(
    "deviceId",
    partial(check_device_id, location="query"),
    {"type": "string", "minLength": 1, "maxLength": LONGEST_DEVICE_ID, "examples": ["12345"]},
    "The device that sent the picture; compared character by character.",
)
TIMESTAMP: Final = _timestamp_parameter(
    "timestamp", "When the picture was taken: ISO 8601, without a zone in UTC. Every notation of an instant finds it."
)
FROM: Final = _timestamp_parameter("from", "Only pictures taken at this time or later.")
TO: Final = _timestamp_parameter("to", "Only pictures taken before this time.")
LIMIT: Final = _number_parameter("limit", MAX_LIMIT, f"At most so many on one page; by default {DEFAULT_LIMIT}.")
CURSOR: Final = QueryParameter(
    "cursor",
    str,
    {"type": "string", "maxLength": LONGEST_CURSOR},
    "The `next_cursor` of a page: answers the page after that one.",
)
WITH_DATA: Final = QueryParameter(
    "vd",
    partial(_flag, name="vd"),
    {"type": "string", "enum": list(_FLAGS)},
    "1 for SenML records with the bytes of the pictures.",
)
WIDTH: Final = _number_parameter(
    "w", LONGEST_SIDE, "A thumbnail that is at most so many pixels wide.", "number of pixels"
)
HEIGHT: Final = _number_parameter(
    "h", LONGEST_SIDE, "A thumbnail that is at most so many pixels high.", "number of pixels"
)
LAST_EVENT_ID: Final = QueryParameter(
    "lastEventId",
    _event_id,
    {"type": "string", "pattern": "^[0-9]*$", "maxLength": len(str(_MAX_ID))},
    "Send the events after this one first; 0 for all. The header `Last-Event-ID` has precedence.",
)
COLLECTION: Final = QueryParameter(
    "collection",
    _collection,
    {"type": "string", "maxLength": LONGEST_COLLECTION, "examples": ["images"]},
    "Only devices of this collection.",
)
