"""What a GET of a collection asks for: one picture, a list by time, or the newest picture of each device.

The three share a path, as the clients of the collection expect it, so query and Accept decide; HTTP and CoAP select by
this function:

1. With `timestamp` it is one picture, which needs `deviceId` too.
2. With `from`, `to` or `cursor` it is a list.
3. If the client prefers SenML, it is the newest picture of each device (the batch, `core.b`).
4. Otherwise a parameter is missing: the request is answered like one for a picture, by 400.

A list in SenML whose cursor comes from a page of the newest pictures continues these.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from core_collection_service.access import Caller
from core_collection_service.parameters import (
    CURSOR,
    DEVICE_ID,
    FROM,
    TIMESTAMP,
    TO,
    HasQuery,
    read_limit,
    read_time_range,
)
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.lists.representations import SENML_TYPES
from core_collection_service.pictures.lists.service import ListByTime, NewestOfEach, continues_newest
from core_collection_service.pictures.models import PictureKey, PictureRecord
from core_collection_service.pictures.queries import read_picture_id, read_picture_key
from core_collection_service.pictures.read.service import Pictures

PICTURE_OR_LIST: Final = "This field is required; or from, to or cursor for a list."
_LIST_PARAMETERS: Final = frozenset({FROM.name, TO.name, CURSOR.name})


class SelectionRequest(HasQuery, Protocol):
    """A GET of a collection, over HTTP or over CoAP."""

    def prefers_senml(self) -> bool:
        """Whether SenML is the format of lists that the client likes best."""

    def list_type(self) -> str:
        """The media type for a list. Raises `NotAcceptable` if the client accepts none that there is."""


@dataclass(frozen=True, slots=True)
class SelectedList:
    """A list, and the media type to answer it in."""

    query: ListByTime | NewestOfEach
    media_type: str


def selects_list(request: SelectionRequest) -> bool:
    """Whether a list, of one kind or the other, is asked for."""
    names = request.query_params
    return TIMESTAMP.name not in names and (not _LIST_PARAMETERS.isdisjoint(names) or request.prefers_senml())


def select(request: SelectionRequest, collection: str, caller: Caller) -> PictureKey | SelectedList:
    """What is asked for. Raises `InvalidField` and `NotAcceptable`, and what `Caller.check_may_read` raises."""
    if not selects_list(request):
        key = read_picture_key(request, collection, PICTURE_OR_LIST)
        caller.check_may_read(key.device_id)
        return key
    device_id = DEVICE_ID.read(request)
    caller.check_may_read(device_id)
    media_type = request.list_type()
    start, end = read_time_range(request)
    limit, cursor = read_limit(request), CURSOR.read(request)
    is_newest = media_type in SENML_TYPES and start is None and end is None
    if is_newest and (cursor is None or continues_newest(collection, device_id, cursor)):
        return SelectedList(NewestOfEach(collection, device_id, limit, cursor), media_type)
    return SelectedList(ListByTime(collection, device_id, start, end, limit, cursor), media_type)


async def find_visible(pictures: Pictures, caller: Caller, collection: str, picture_id: str) -> PictureRecord:
    """The picture with the id in a path. To a client that is bound to one device the pictures of others do not exist,
    and a client without any right to read finds out nothing about ids. Raises `NoSuchPicture`, and what
    `Caller.check_may_read` raises."""
    caller.check_may_read(caller.bound_to)
    record = await pictures.find_by_id(collection, read_picture_id(picture_id))
    if caller.bound_to is not None and caller.bound_to != record.device_id:
        raise NoSuchPicture
    caller.check_may_read(record.device_id)
    return record
