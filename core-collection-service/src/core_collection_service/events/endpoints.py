"""Server-sent events (WHATWG HTML, section 9.2), with which a web page sees pictures arrive.

The id of an event is that of its picture. Ids ascend in a stream, so the last one says everything that a client has; a
client that reconnects with it (`Last-Event-ID`) first gets what it missed. A stream ends after an hour, when its client
is too slow, and when the service stops; the client then reconnects by itself, with its credential and the last id.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from core_collection_service.dependencies import CollectionName, CurrentCaller
from core_collection_service.errors import NoSuchCollection
from core_collection_service.events.errors import SlowSubscriber
from core_collection_service.events.subscription import Subscription
from core_collection_service.parameters import DEVICE_ID, LAST_EVENT_ID
from core_collection_service.pictures.models import PictureRecord
from core_collection_service.pictures.schemas import PictureBody
from core_collection_service.protocol.media_types import EVENT_STREAM
from core_collection_service.state import ServicesDep
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.errors.handlers import is_database_outage
from lightbox_shared.openapi import content, errors
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.responses.streams import TooManyStreams, TooManyStreamsOfAddress

router = APIRouter(tags=["CoRE collection"])

STREAM_SECONDS: Final = 3600
RECONNECT_MILLISECONDS: Final = 2000
_LAST_EVENT_ID_HEADER: Final = "last-event-id"
_STREAM: Final[dict[str, Any]] = content(
    EVENT_STREAM,
    schema={
        "type": "string",
        "description": "Events `picture`, each with the id of a picture, and its metadata in JSON as data.",
    },
)
_PARAMETERS: Final = [
    DEVICE_ID.describe(),
    LAST_EVENT_ID.describe(),
    {**LAST_EVENT_ID.describe(), "name": "Last-Event-ID", "in": "header", "description": "The id of the last event."},
]


class _StreamRequest(NamedTuple):
    device_id: str | None
    after: int | None
    """The id of the last event that the client has; None for a client that has none."""


async def _read_request(request: Request, _collection: CollectionName, caller: CurrentCaller) -> _StreamRequest:
    device_id = DEVICE_ID.read(request)
    caller.check_may_read(device_id)
    # A browser that reconnects sends the header, which then is newer than the query of the page.
    header = request.headers.get(_LAST_EVENT_ID_HEADER)
    return _StreamRequest(device_id, LAST_EVENT_ID.parse(header) if header else LAST_EVENT_ID.read(request))


async def _subscription(
    request: Request,
    collection: CollectionName,
    wanted: Annotated[_StreamRequest, Depends(_read_request)],
    services: ServicesDep,
) -> AsyncIterator[Subscription]:
    with services.open_streams.counted(client_address(request)):
        async with services.feed.subscribed(collection, wanted.device_id, after=wanted.after) as subscription:
            yield subscription


@router.get(
    "/collections/{collection}/events",
    summary="Pictures as they arrive",
    response_class=EventSourceResponse,
    responses={
        200: _STREAM,
        **errors(NotAuthenticated, Forbidden, NoSuchCollection, TooManyStreams, TooManyStreamsOfAddress),
    },
    openapi_extra={"parameters": _PARAMETERS},
)
async def picture_events(pictures: Annotated[Subscription, Depends(_subscription)]) -> AsyncIterator[ServerSentEvent]:
    """An event `picture` for each picture of the collection, or of one device, that is kept from now on. A client that
    names the last event that it has gets first what it missed, without gaps and without repetitions."""
    yield ServerSentEvent(comment="pictures", retry=RECONNECT_MILLISECONDS)  # so that the answer begins
    end = asyncio.get_running_loop().time() + STREAM_SECONDS
    while (record := await _next(pictures, end)) is not None:
        yield ServerSentEvent(raw_data=PictureBody.of(record).model_dump_json(), event="picture", id=str(record.id))


@router.head("/collections/{collection}/events", include_in_schema=False, dependencies=[Depends(_read_request)])
async def head_of_picture_events() -> Response:
    """The headers of a stream."""
    response = Response(media_type=EventSourceResponse.media_type, headers={"Cache-Control": "no-cache"})
    del response.headers["Content-Length"]  # a stream has none
    return response


async def _next(pictures: Subscription, end: float) -> PictureRecord | None:
    """The next picture; None when the stream has to end. What the client misses then, it gets when it reconnects."""
    try:
        async with asyncio.timeout_at(end):
            return await anext(pictures, None)
    except (TimeoutError, SlowSubscriber):
        return None
    except Exception as error:
        if is_database_outage(error):
            return None
        raise
