"""`/admin/add/image`, which ImageHub has, and the endpoints of `/api/gallery/additions`. All are for administrators."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from imagehub_service.gallery.adding import repository
from imagehub_service.gallery.adding.errors import NoSuchAddition
from imagehub_service.gallery.adding.models import UNFINISHED
from imagehub_service.gallery.adding.schemas import (
    MAX_LIST_BYTES,
    AddImageList,
    AdditionBody,
    AdditionList,
    AdditionProgress,
    ImageHubAdded,
    addition_path,
)
from imagehub_service.gallery.adding.service import Additions
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.errors import Unavailable
from lightbox_shared.errors.handlers import is_database_outage
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import check_room_for, json_body
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.responses.streams import TooManyStreams, TooManyStreamsOfAddress

seed_router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB)])
router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

SILENT_SECONDS: Final = 20.0
"""After so long a client that waits gets the head of its answer, and from then on a space at this interval, so that
nothing on the way takes the connection for dead. Spaces before JSON mean nothing (RFC 8259 section 2)."""
PING_SECONDS: Final = 15.0
RECONNECT_MILLISECONDS: Final = 2000
_RESPOND_ASYNC: Final = "respond-async"
_STREAM: Final[dict[str, Any]] = content(
    "text/event-stream",
    schema={
        "type": "string",
        "description": "Events `progress` with an AdditionProgress in JSON as data, and `done` with the last one.",
    },
)


async def _one_more_stream(request: Request, services: ServicesDep) -> AsyncIterator[None]:
    with services.open_streams.counted(client_address(request)):
        yield


@seed_router.post(
    "/admin/add/image",
    summary="Add pictures to the gallery",
    response_model=None,
    responses={
        200: {"model": ImageHubAdded},
        202: {
            "model": AdditionBody,
            "description": "With `Prefer: respond-async`: the pictures are being added.",
            **headers(Location="How far that is.", Preference_Applied="`respond-async`"),
        },
        **errors(Unavailable),
    },
)
async def imagehub_add_images(
    caller: AdminOnly,
    body: Annotated[AddImageList, json_body(AddImageList, max_bytes=MAX_LIST_BYTES)],
    services: ServicesDep,
    request: Request,
    prefer: Annotated[list[str] | None, Header(alias="Prefer", description="`respond-async` (RFC 7240).")] = None,
) -> ImageHubAdded | Response:
    """Files of the drive become pictures of a group, in the order of the list; `group: -1` makes a new one. A file that
    can't be read is skipped. The answer comes when all are done, with `Prefer: respond-async` at once; a client that
    goes away does not end it."""
    folders = body.folders()
    if not folders:
        return ImageHubAdded.of(None)
    check_room_for(request)
    addition = await services.additions.create(caller.account, folders)
    if _prefers_async(prefer):
        own = {"Location": addition_path(addition.id), "Preference-Applied": _RESPOND_ASYNC}
        return Response(addition.model_dump_json(), 202, own, "application/json")
    added = await _added(services.additions, addition.id)
    if added is not None:
        return added
    return StreamingResponse(_spaces_until_added(services.additions, addition.id), media_type="application/json")


@router.get("/api/gallery/additions", summary="Pictures that are being added")
async def list_gallery_additions(_caller: AdminOnly, session: Reading, page: PageQuery) -> AdditionList:
    """All additions, newest first. Those that have ended are kept for a week."""
    found = Page.of(await repository.page(session, page), page, lambda row: row.addition.id)
    return AdditionList(additions=[AdditionProgress.of(each) for each in found.rows], next_cursor=found.next_cursor)


@router.get("/api/gallery/additions/{addition_id}", summary="One addition", responses=errors(NoSuchAddition))
async def retrieve_gallery_addition(addition_id: RowId, _caller: AdminOnly, services: ServicesDep) -> AdditionBody:
    """How far it is, and which pictures could not be added."""
    return await services.additions.find(addition_id)


@router.delete(
    "/api/gallery/additions/{addition_id}",
    status_code=204,
    summary="Cancel an addition",
    responses=errors(NoSuchAddition),
)
async def cancel_gallery_addition(addition_id: RowId, _caller: AdminOnly, services: ServicesDep) -> Response:
    """No further picture is added; those that are in the gallery stay. An addition that has ended is forgotten."""
    await services.additions.cancel(addition_id)
    return Response(status_code=204)


@router.get(
    "/api/gallery/additions/{addition_id}/events",
    summary="Follow an addition",
    response_class=Response,
    responses={
        200: {"description": "The events.", **_STREAM},
        204: {"description": "The client has the last event (`Last-Event-ID`), so that browsers do not come back."},
        **errors(NoSuchAddition, TooManyStreams, TooManyStreamsOfAddress),
    },
)
async def gallery_addition_events(
    addition_id: RowId,
    _caller: AdminOnly,
    services: ServicesDep,
    _stream: Annotated[None, Depends(_one_more_stream)],
    last_event_id: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=100, description="The `id` of the last event that the client has."),
    ] = None,
) -> Response:
    """Server-sent events (WHATWG HTML, section 9.2): `progress` now and whenever something changes, and `done` at the
    end."""
    found = await services.additions.progress(addition_id)
    if found.state not in UNFINISHED and last_event_id == _event_id(found):
        return Response(status_code=204)
    pieces = _events(services.additions, addition_id)
    return StreamingResponse(pieces, headers={"Cache-Control": "no-cache"}, media_type="text/event-stream")


def _prefers_async(prefer: list[str] | None) -> bool:
    preferences = ",".join(prefer or ()).lower().split(",")
    return any(each.partition(";")[0].strip() == _RESPOND_ASYNC for each in preferences)


async def _added(additions: Additions, addition_id: int) -> ImageHubAdded | None:
    """What has come of an addition; None if it does not end within `SILENT_SECONDS`. Raises `Unavailable`."""
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            return ImageHubAdded.of(await additions.ended(addition_id))
    except TimeoutError:
        return None


async def _spaces_until_added(additions: Additions, addition_id: int) -> AsyncGenerator[bytes]:
    """The body of an answer that comes late. White space may stand before a JSON value (RFC 8259 section 2), and keeps
    the connection in use."""
    yield b" "
    while (added := await _added(additions, addition_id)) is None:
        yield b" "
    yield added.model_dump_json().encode()


async def _events(additions: Additions, addition_id: int) -> AsyncGenerator[bytes]:
    """The stream, which ends as well when the service stops or the database does not answer: the client comes back by
    itself."""
    loop = asyncio.get_running_loop()
    with suppress(Unavailable, NoSuchAddition):
        yield format_sse_event(comment="addition", retry=RECONNECT_MILLISECONDS)
        sent_at = loop.time()
        try:
            async with aclosing(additions.follow(addition_id)) as news:
                async for found in news:
                    if found is not None:
                        event = "progress" if found.state in UNFINISHED else "done"
                        yield format_sse_event(data_str=found.model_dump_json(), event=event, id=_event_id(found))
                    elif loop.time() - sent_at > PING_SECONDS:
                        yield format_sse_event(comment="ping")
                    else:
                        continue
                    sent_at = loop.time()
        except Exception as error:
            if not is_database_outage(error):
                raise


def _event_id(found: AdditionProgress) -> str:
    return f"{found.id}-{found.added + found.failed}-{found.state}"
