"""The endpoint of `/api/gallery/duplicates`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from imagehub_service.gallery.duplicates.near import MAX_DISTANCE
from imagehub_service.gallery.duplicates.schemas import Kind, PictureDuplicates, PictureDuplicatesList
from imagehub_service.gallery.duplicates.service import Duplicate
from imagehub_service.gallery.pictures.schemas import GalleryPicture
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.responses.pagination import PageRequest, decode_cursor
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

MAX_PAGE = 100


@router.get("/api/gallery/duplicates", summary="Pictures that are there more than once")
async def list_gallery_duplicates(
    request: Request,
    *,
    _caller: AdminOnly,
    services: ServicesDep,
    kind: Kind = Kind.NEAR,
    distance: Annotated[
        int, Query(ge=0, le=MAX_DISTANCE, description="With `near`: how many of 64 bits may differ.")
    ] = 6,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Duplicates on the page, at most.")] = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> PictureDuplicatesList:
    """`exact` for the same bytes; `near` for pictures that look the same, in other sizes or formats: the difference
    hashes (64 bits) of neighbours differ in at most `distance` bits. Two pictures of a cluster may differ more, if
    others are between them."""
    page = PageRequest(limit, None if cursor is None else decode_cursor(cursor))
    if kind is Kind.EXACT:
        found, complete = await services.duplicates.exact(page), True
    else:
        found, complete = await services.duplicates.near(page, distance)
    base = public_base(request, services.settings.public_url)
    duplicates = [_body(each, base) for each in found.rows]
    return PictureDuplicatesList(duplicates=duplicates, complete=complete, next_cursor=found.next_cursor)


def _body(found: Duplicate, base: str) -> PictureDuplicates:
    pictures = [GalleryPicture.of(each, public_base=base) for each in found.pictures]
    return PictureDuplicates(exact=found.exact, picture_count=found.count, pictures=pictures)
