"""The pictures of the gallery as files, over HTTP."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from imagehub_service.dependencies import Visitor
from imagehub_service.picture_files.formats import accepts_webp, in_webp, own_type
from imagehub_service.picture_files.responses import (
    keep_response,
    original_response,
    picture_headers,
    rendition_response,
    whole_response,
)
from imagehub_service.renditions.fitting import Box, Fit, fitted
from imagehub_service.renditions.preparing import PICTURE_TYPES
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, ServiceOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import Forbidden, NotAuthenticated, NotFound
from lightbox_shared.images import MediaType
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.responses.conditional import PreconditionFailed, RangeNotSatisfiable

router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB)])
gallery_router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])
internal_router = APIRouter(tags=["Internal"])

LONGEST_SIDE: Final = 10_000
Side = Annotated[int | None, Query(ge=1, le=LONGEST_SIDE, description="Pixels.")]
PictureId = Annotated[int, Path(ge=1, lt=2**63, description="The id of a picture in the whole gallery.")]


async def _box(w: Side = None, h: Side = None, fit: Fit = Fit.CONTAIN) -> Box:
    return Box(w, h, fit)


BoxDep = Annotated[Box, Depends(_box)]
"""What the picture has to fit into, of the query."""

_BROWSER_FILES: Final = content(*(each.value for each in PICTURE_TYPES if each.shown_by_browsers))
_FILES: Final = content(*(each.value for each in PICTURE_TYPES))
_VALIDATORS: Final = headers(ETag="For `If-None-Match`.", Accept_Ranges="`bytes`.")
_PART: Final = headers(Content_Range="Which bytes these are, and how many there are.")


def answers(description: str, files: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that answers with a picture."""
    return {
        200: {"description": description, **_VALIDATORS, **files},
        206: {"description": "The part that `Range` names.", **_PART, **files},
        304: {"description": "The client has the picture already."},
        **errors(NotAuthenticated, Forbidden, NotFound, PreconditionFailed, RangeNotSatisfiable),
    }


@router.get(
    "/image/file/{picture_id}",
    summary="A picture as a file, in any size",
    response_class=Response,
    responses=answers("The picture, upright.", _BROWSER_FILES),
)
async def imagehub_picture_file(
    request: Request,
    picture_id: PictureId,
    visitor: Visitor,
    services: ServicesDep,
    box: BoxDep,
) -> Response:
    """Without `w` and `h` it is the whole picture as it came, without its metadata. With one of them, or both, it is
    fitted into a box of that many pixels, and never enlarged: in WebP if `Accept` names it, else in its own format, or
    in PNG where browsers don't show that."""
    generation = services.watch.responses.generation
    picture = await services.renditions.find(picture_id)
    visitor.check_may_see(picture.group_id)
    if box.width is box.height is None:
        response = await whole_response(request, picture, visitor, services)
    else:
        rendition = fitted(picture.width, picture.height, box, own_type(MediaType(picture.media_type)))
        if accepts_webp(request.headers.get("accept")):
            rendition = in_webp(rendition)
        more = {**picture_headers(visitor, services), "Vary": "Accept"}
        response = await rendition_response(request, picture, rendition, more, services)
    key = request.query_params.get("key")
    keep_response(request, response, picture, visitor, key, services=services, generation=generation)
    return response


@gallery_router.get(
    "/api/gallery/pictures/{picture_id}/original",
    summary="The file of a picture as it came",
    response_class=Response,
    responses=answers("The file, byte by byte, with its metadata.", _FILES),
)
async def get_original_picture(
    request: Request, picture_id: PictureId, _admin: AdminOnly, services: ServicesDep
) -> Response:
    """For administrators: also what browsers do not show (TIFF, DICOM)."""
    return await original_response(request, await services.renditions.find(picture_id), services)


@internal_router.get(
    "/internal/pictures/{picture_id}",
    summary="The file of a picture, for other services",
    response_class=Response,
    responses={200: {"description": "The file as it came.", **_FILES}, **errors(NotFound)},
)
async def internal_gallery_picture(
    request: Request, picture_id: PictureId, _service: ServiceOnly, services: ServicesDep
) -> Response:
    """The original bytes."""
    return await original_response(request, await services.renditions.find(picture_id), services)
