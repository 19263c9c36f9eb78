"""Server-sent events (WHATWG HTML, section 9.2): a web page sees pictures arrive.

The id of an event is that of its picture. Ids ascend in a stream, so that the last one says what a client has; with it
(`Last-Event-ID`) it gets what it missed first. A stream ends after an hour, when its client falls behind, and when the
service stops; the client then comes back by itself, with its credential and the last id.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from core_collection_service.access import CallerIs
from core_collection_service.events.errors import FellBehind
from core_collection_service.events.subscription import Subscription
from core_collection_service.pictures import list_queries
from core_collection_service.pictures.errors import InvalidField
from core_collection_service.pictures.repository import PictureRecord
from core_collection_service.pictures.schemas import PictureBody
from core_collection_service.state import Collection, ServicesDep
from lightbox_shared.errors.handlers import is_database_outage

router = APIRouter(prefix="/collections", tags=["CoRE collection"])

STREAM_SECONDS: Final = 3600
RECONNECT_MILLISECONDS: Final = 2000


class _Asked(NamedTuple):
    """Which pictures: of a device or of all, after an id or from here on."""

    device_id: str | None
    after: int | None


async def _asked(request: Request, _collection: Collection, caller: CallerIs) -> _Asked:
    device_id = list_queries.device(request)
    caller.check_may_read(device_id)
    return _Asked(device_id, _last_event_id(request))


async def _subscription(
    collection: Collection, asked: Annotated[_Asked, Depends(_asked)], services: ServicesDep
) -> AsyncIterator[Subscription]:
    with services.streams.opened():
        async with services.feed.subscribed(collection, asked.device_id, after=asked.after) as subscription:
            yield subscription


@router.get("/{collection}/events", response_class=EventSourceResponse)
async def events(pictures: Annotated[Subscription, Depends(_subscription)]) -> AsyncIterator[ServerSentEvent]:
    """An event `picture` for each picture of the collection, or of `deviceId`, that is kept from here on; with
    `Last-Event-ID` (or `lastEventId`) for each since that one."""
    yield ServerSentEvent(comment="pictures", retry=RECONNECT_MILLISECONDS)  # so that the answer begins
    end = asyncio.get_running_loop().time() + STREAM_SECONDS
    while (record := await _next(pictures, end)) is not None:
        yield ServerSentEvent(raw_data=PictureBody.of(record).model_dump_json(), event="picture", id=str(record.id))


@router.head("/{collection}/events", include_in_schema=False, dependencies=[Depends(_asked)])
async def headers_of_events() -> Response:
    """What a stream would begin with."""
    response = Response(media_type=EventSourceResponse.media_type, headers={"Cache-Control": "no-cache"})
    del response.headers["Content-Length"]  # it has none
    return response


async def _next(pictures: Subscription, end: float) -> PictureRecord | None:
    """None at the end, whatever it comes from: what the client has not got then it gets when it comes back."""
    try:
        async with asyncio.timeout_at(end):
            return await anext(pictures, None)
    except (TimeoutError, FellBehind):
        return None
    except Exception as error:
        if is_database_outage(error):
            return None
        raise


def _last_event_id(request: Request) -> int | None:
    """The header is what a browser sends when it comes back, and newer than what the page's address says."""
    text = request.headers.get("last-event-id") or list_queries.parameter(request, "lastEventId")
    if not text:
        return None
    found = list_queries.whole_number(text)
    if found is None:
        raise InvalidField("lastEventId", "Not the id of an event.", "query")
    return found
