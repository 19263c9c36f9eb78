"""The paths of upload sessions. Their address is the credential: they take no token."""

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from imagehub_service.drives.built_in.upload_sessions.errors import (
    FileTooLarge,
    FragmentOutOfOrder,
    FragmentOverlap,
    QuotaLimitReached,
    UploadSessionNotFound,
)
from imagehub_service.drives.built_in.upload_sessions.ranges import MAX_FRAGMENT_BYTES
from imagehub_service.drives.built_in.upload_sessions.schemas import UploadedItem, UploadSessionState
from imagehub_service.drives.built_in.upload_sessions.service import UploadedFile
from imagehub_service.state import ServicesDep
from lightbox_shared.errors import LightboxError
from lightbox_shared.errors.dialects import json_response
from lightbox_shared.openapi import errors
from lightbox_shared.requests.bodies import check_room_for, release_room_of

router = APIRouter(tags=["ImageHub"])

_NO_STORE: Final = {"Cache-Control": "no-store"}
_BINARY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the chunk. Its media type does not matter.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/image/upload-sessions/{token}",
    summary="Send the next chunk of a file",
    status_code=202,
    response_model=UploadSessionState,
    openapi_extra=_BINARY,
    responses={
        201: {"model": UploadedItem, "description": "The last chunk: the file is in its folder."},
        **errors(UploadSessionNotFound, FragmentOutOfOrder, FragmentOverlap, FileTooLarge, QuotaLimitReached),
    },
)
async def send_upload_chunk(
    token: str,
    request: Request,
    services: ServicesDep,
    content_range: Annotated[
        str | None,
        Header(alias="Content-Range", description="Which bytes these are.", examples=["bytes 0-327679/1000000"]),
    ] = None,
) -> Response:
    """Chunks are sent in their order; all but the last have a multiple of 327,680 bytes, and at most 60 MiB."""
    length = request.headers.get("content-length")
    async with aclosing(request.stream()) as body:
        try:
            # Anybody may send here: nothing is reserved for a request before its token and its range are known.
            expected = await services.upload_sessions.expect(token, content_range, length)
            check_room_for(request)
            received = await services.upload_sessions.receive(expected, body)
        except LightboxError:
            release_room_of(request)
            await _read_to_end(body)
            raise
    if isinstance(received, UploadedFile):
        return _answer(UploadedItem.of(received), 201)
    return _answer(UploadSessionState.of(received), 202)


@router.get(
    "/image/upload-sessions/{token}",
    summary="How far an upload is",
    response_model=UploadSessionState,
    responses=errors(UploadSessionNotFound),
)
async def retrieve_upload_session(token: str, services: ServicesDep) -> Response:
    """After a broken connection a client asks here with which byte to go on."""
    return _answer(UploadSessionState.of(await services.upload_sessions.find(token)), 200)


@router.delete(
    "/image/upload-sessions/{token}",
    summary="Give an upload up",
    status_code=204,
    responses=errors(UploadSessionNotFound),
)
async def cancel_upload_session(token: str, services: ServicesDep) -> None:
    """What was received is forgotten."""
    await services.upload_sessions.cancel(token)


def _answer(body: UploadSessionState | UploadedItem, status: int) -> Response:
    return json_response(body.model_dump(mode="json", by_alias=True), status, _NO_STORE)


async def _read_to_end(body: AsyncIterator[bytes]) -> None:
    """Read the rest of a chunk that is refused: a client that is still sending would not see the answer."""
    size = 0
    with suppress(ClientDisconnect):
        async for part in body:
            size += len(part)
            if size > MAX_FRAGMENT_BYTES:
                return
