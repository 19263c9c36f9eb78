"""The endpoints of `/api/gallery/shares`, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from imagehub_service.gallery.shares import repository
from imagehub_service.gallery.shares.errors import NoSuchShare
from imagehub_service.gallery.shares.schemas import (
    CreatedGalleryShare,
    GalleryShare,
    GalleryShareList,
    NewGalleryShare,
    ShareChanges,
)
from imagehub_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.errors import Unavailable
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.parameters import LARGEST_ROW_ID, RowId
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])

SHARED_PATH = "/image/shared"


@router.post(
    "/api/gallery/shares",
    status_code=201,
    summary="Share a group by a link",
    responses={201: headers(Location="The path of the share."), **errors(Unavailable)},
)
async def create_gallery_share(
    request: Request,
    caller: AdminOnly,
    body: Annotated[NewGalleryShare, json_body(NewGalleryShare)],
    services: ServicesDep,
    response: Response,
) -> CreatedGalleryShare:
    """Visitors with the link can see the group, without an account, until the link expires or is revoked. It is in this
    answer alone."""
    share, secret = await services.shares.create(body, caller.account, client_address(request))
    response.headers["Location"] = f"/api/gallery/shares/{share.id}"
    response.headers["Cache-Control"] = "no-store"
    link = f"{public_base(request, services.settings.public_url)}{SHARED_PATH}/{secret}"
    return CreatedGalleryShare.made(share, services.shares.clock(), link)


@router.get("/api/gallery/shares", summary="The shared links")
async def list_gallery_shares(
    _caller: AdminOnly,
    services: ServicesDep,
    session: Reading,
    page: PageQuery,
    group: Annotated[int | None, Query(ge=1, le=LARGEST_ROW_ID, description="Links to this group.")] = None,
) -> GalleryShareList:
    """Newest first, without the links themselves, which are not stored. Expired ones are kept for 90 days."""
    found = Page.of(await repository.page(session, page, group), page, lambda row: row.id)
    now = services.shares.clock()
    return GalleryShareList(shares=[GalleryShare.of(row, now) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/api/gallery/shares/{share_id}", summary="One shared link", responses=errors(NoSuchShare))
async def retrieve_gallery_share(
    share_id: RowId, _caller: AdminOnly, services: ServicesDep, session: Reading
) -> GalleryShare:
    """What it shows, and how long."""
    row = await repository.find(session, share_id)
    if row is None:
        raise NoSuchShare
    return GalleryShare.of(row, services.shares.clock())


@router.patch(
    "/api/gallery/shares/{share_id}",
    summary="Change the end or the password of a shared link",
    responses=errors(NoSuchShare, Unavailable),
)
async def update_gallery_share(
    share_id: RowId,
    request: Request,
    caller: AdminOnly,
    body: Annotated[ShareChanges, json_body(ShareChanges)],
    services: ServicesDep,
) -> GalleryShare:
    """A password that is sent, also null, ends all keys that were given out with the old one."""
    row = await services.shares.change(share_id, body, caller.account, client_address(request))
    return GalleryShare.of(row, services.shares.clock())


@router.delete(
    "/api/gallery/shares/{share_id}",
    status_code=204,
    summary="Revoke a shared link",
    responses=errors(NoSuchShare),
)
async def revoke_gallery_share(share_id: RowId, request: Request, caller: AdminOnly, services: ServicesDep) -> Response:
    """The link ends at once, and the addresses of pictures that it gave out within seconds."""
    await services.shares.revoke(share_id, caller.account, client_address(request))
    return Response(status_code=204)
