"""The IIIF Image API 3.0 over HTTP, level 2 of its compliance document and some of what is beyond it.

An identifier is the id of a picture, or `{id}~{key}` with the key of a shared link: viewers can't be told to add a
query to the addresses that they make.
"""

import re
from typing import Annotated, Final, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response

from imagehub_service.dependencies import visitor_of
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.iiif.parameters import FORMATS, Size, WrittenParameters, canonical, read_rendition
from imagehub_service.iiif.schemas import CONTEXT, PROFILE, ImageServiceDescription
from imagehub_service.picture_files.responses import (
    cross_origin_headers,
    keep_response,
    picture_headers,
    rendition_response,
)
from imagehub_service.state import Services, ServicesDep
from imagehub_service.visibility import GalleryVisitor
from lightbox_shared.auth.dependencies import AnyCaller, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import BadRequest, Forbidden, NotAuthenticated, NotFound
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.responses.conditional import PreconditionFailed, RangeNotSatisfiable
from lightbox_shared.responses.negotiation import choose
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["IIIF"], dependencies=[needs(Scope.HUB)])

JSON_TYPE: Final = "application/json"
JSON_LD_TYPE: Final = "application/ld+json"
_IDENTIFIER: Final = re.compile(r"([1-9][0-9]{0,18})(?:~(.{1,500}))?", re.DOTALL)
_DENIED: Final = errors(NotAuthenticated, Forbidden, NotFound)
_LINKS: Final = headers(Link="The canonical address of the picture, and the profile.")


class Identified(NamedTuple):
    """The picture of an identifier, and what it was asked with."""

    picture: Picture
    visitor: GalleryVisitor
    key: str | None
    base: str
    """The base address, as it was called."""
    generation: int
    """Of the answers that are kept in memory."""

    @property
    def size(self) -> Size:
        """Of the upright picture."""
        return Size(self.picture.width, self.picture.height)


async def _identified(
    request: Request,
    identifier: Annotated[
        str, Path(description="The id of a picture, or `{id}~{key}` with the key of a shared link.", examples=["1"])
    ],
    caller: AnyCaller,
    services: ServicesDep,
) -> Identified:
    """Raises `NotFound`, and what `visitor_of` raises."""
    generation = services.watch.responses.generation
    found = _IDENTIFIER.fullmatch(identifier)
    key = None if found is None else found[2]
    visitor = await visitor_of(caller, services, key)
    if found is None or int(found[1]) >= 2**63:
        raise NotFound
    picture = await services.renditions.find(int(found[1]))
    visitor.check_may_see(picture.group_id)
    return Identified(picture, visitor, key, _base(request, services), generation)


def _base(request: Request, services: Services) -> str:
    """The scheme, the host and the path of the request up to the identifier, byte by byte."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    path = "/".join(raw.decode("ascii", "replace").split("/")[:4])
    return public_base(request, services.settings.public_url) + path


async def _written(
    region: Annotated[str, Path(description="`full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.", examples=["full"])],
    size: Annotated[
        str,
        Path(
            description="`max`, `w,`, `,h`, `w,h`, `!w,h` or `pct:n`, after `^` if it may be enlarged.",
            examples=["max"],
        ),
    ],
    rotation: Annotated[
        str, Path(description="0, 90, 180 or 270 degrees clockwise, after `!` mirrored before.", examples=["0"])
    ],
    quality_and_format: Annotated[str, Path(description="Such as `default.jpg`.", examples=["default.jpg"])],
) -> WrittenParameters:
    return WrittenParameters(region, size, rotation, quality_and_format)


Asked = Annotated[Identified, Depends(_identified)]
Written = Annotated[WrittenParameters, Depends(_written)]


@router.get(
    "/iiif/3/{identifier}",
    summary="The base address of a picture",
    status_code=303,
    response_class=Response,
    responses={303: {"description": "To info.json.", **headers(Location="The address of info.json.")}, **_DENIED},
)
async def redirect_to_image_information(asked: Asked, services: ServicesDep) -> Response:
    """What the picture is, is described by info.json."""
    more = cross_origin_headers(asked.visitor, services)
    return Response(status_code=303, headers={"Location": f"{asked.base}/info.json", **more})


@router.get(
    "/iiif/3/{identifier}/info.json",
    summary="The description of a picture for viewers",
    responses={
        200: {
            "description": "Size, tiles, formats and limits.",
            "model": ImageServiceDescription,
            "content": {JSON_LD_TYPE: {"schema": {"$ref": "#/components/schemas/ImageServiceDescription"}}},
        },
        **_DENIED,
    },
)
async def get_image_information(request: Request, asked: Asked, services: ServicesDep) -> Response:
    """JSON-LD without `Accept` or where it is asked for, else JSON; the text is the same."""
    accepted = choose(request.headers.get("accept"), (JSON_LD_TYPE, JSON_TYPE))
    is_plain = accepted == JSON_TYPE or ("accept" in request.headers and accepted is None)
    media_type = JSON_TYPE if is_plain else f'{JSON_LD_TYPE};profile="{CONTEXT}"'
    body = ImageServiceDescription.of(asked.size, asked.base).model_dump_json(by_alias=True)
    more = {
        "Cache-Control": "private, no-cache",
        "Vary": "Accept",
        "Link": f'<{PROFILE}>;rel="profile"',
        **cross_origin_headers(asked.visitor, services),
    }
    return Response(body, headers=more, media_type=media_type)


@router.get(
    "/iiif/3/{identifier}/{region}/{size}/{rotation}/{quality_and_format}",
    summary="A region of a picture, by the IIIF Image API",
    response_class=Response,
    responses={
        200: {"description": "The region.", **_LINKS, **content(*FORMATS.values())},
        206: {"description": "The part that `Range` names.", **content(*FORMATS.values())},
        304: {"description": "The client has it already."},
        **_DENIED,
        **errors(BadRequest, PreconditionFailed, RangeNotSatisfiable),
    },
)
async def get_image_region(request: Request, written: Written, asked: Asked, services: ServicesDep) -> Response:
    """Such as `full/max/0/default.jpg`: region, size, rotation, quality and format, of the upright picture."""
    rendition = read_rendition(written, whole=asked.size)
    link = f'<{asked.base}/{canonical(rendition, asked.size)}>;rel="canonical", <{PROFILE}>;rel="profile"'
    more = {**picture_headers(asked.visitor, services), "Link": link}
    response = await rendition_response(request, asked.picture, rendition, more, services)
    keep_response(
        request, response, asked.picture, asked.visitor, asked.key, services=services, generation=asked.generation
    )
    return response
