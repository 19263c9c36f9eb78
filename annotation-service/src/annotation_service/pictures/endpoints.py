"""The pictures of images."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from annotation_service.dependencies import Approved, is_admin
from annotation_service.pictures.errors import NoSuchPicture, OriginalNeedsAdministrator
from annotation_service.pictures.representations import Kind
from annotation_service.pictures.responses import picture_response
from annotation_service.state import ServicesDep
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import Forbidden, InvalidRequest
from lightbox_shared.images import RADIOGRAPH_TYPES
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.responses.conditional import PreconditionFailed, RangeNotSatisfiable

router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])

_BINARY = content(*(each.value for each in RADIOGRAPH_TYPES))


@router.get(
    "/uploads/medical-images/{url}",
    summary="The picture of an image",
    response_class=Response,
    responses={
        200: _BINARY | headers(ETag="The SHA-256 of the bytes.", Accept_Ranges="bytes"),
        206: {"description": "The part that `Range` names.", **_BINARY, **headers(Content_Range="Which bytes.")},
        304: {"description": "The client has the picture already."},
        **errors(Forbidden, NoSuchPicture, PreconditionFailed, RangeNotSatisfiable),
    },
)
async def yelda_picture(
    request: Request,
    url: Annotated[str, Path(description="The `url` of an image.")],
    caller: Approved,
    services: ServicesDep,
    *,
    green_channel: Annotated[bool, Query(description="The green channel of a picture in colour, in grey.")] = False,
    original: Annotated[bool, Query(description="As it was uploaded; for administrators.")] = False,
) -> Response:
    """As browsers show it: the original, or a PNG or JPEG of it if browsers do not show it, or not upright."""
    if original and not is_admin(caller):
        raise OriginalNeedsAdministrator
    if original and green_channel:
        raise InvalidRequest.of("original", "Not together with green_channel.", "query")
    kind = Kind.ORIGINAL if original else Kind.GREEN_CHANNEL if green_channel else Kind.FOR_BROWSERS
    found = await services.representations.find(url, kind)
    return await picture_response(request, found, kind, services.representations)
