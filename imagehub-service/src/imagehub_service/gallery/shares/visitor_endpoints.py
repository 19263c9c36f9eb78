"""`/image/shared/{secret}`, which visitors with a shared link open."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from imagehub_service.gallery import positions
from imagehub_service.gallery.groups import repository as groups
from imagehub_service.gallery.pictures import repository as pictures
from imagehub_service.gallery.shares import repository
from imagehub_service.gallery.shares.errors import NoSuchShare, PasswordNeeded, TooManyGuesses, WrongPassword
from imagehub_service.gallery.shares.schemas import SharedGroup, SharedPicture, SharedSubgroup, SharePassword
from imagehub_service.gallery.shares.service import OpenShare
from imagehub_service.state import Services, ServicesDep
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import errors
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.parameters import LARGEST_ROW_ID
from lightbox_shared.responses.pagination import Page, PageQuery, PageRequest
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["Gallery"])

Secret = Annotated[str, Path(max_length=200, description="The last part of the link.")]
GroupQuery = Annotated[
    int | None, Query(ge=1, le=LARGEST_ROW_ID, description="One of `subgroups`; by default the group of the link.")
]
MAX_SUBGROUPS = 1000
PRIVATE = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@router.get(
    "/image/shared/{secret}",
    summary="A group that is shared by a link",
    responses=errors(NoSuchShare, PasswordNeeded),
)
async def open_shared_group(
    secret: Secret,
    request: Request,
    *,
    services: ServicesDep,
    page: PageQuery,
    response: Response,
    group: GroupQuery = None,
    key: Annotated[
        str | None, Query(max_length=500, description="For the next pages of a link with a password.")
    ] = None,
) -> SharedGroup:
    """The group with its pictures, whose addresses work without an account. No account is needed here either: the
    address is the credential."""
    opened = await services.shares.open(secret, client_address(request), password=None, key=key)
    response.headers.update(PRIVATE)
    return await _shown(services, opened, group, page, public_base(request, services.settings.public_url))


@router.post(
    "/image/shared/{secret}",
    summary="The same, of a link with a password",
    responses=errors(NoSuchShare, WrongPassword, TooManyGuesses),
)
async def unlock_shared_group(
    secret: Secret,
    request: Request,
    *,
    body: Annotated[SharePassword, form_or_json(SharePassword)],
    services: ServicesDep,
    page: PageQuery,
    response: Response,
    group: GroupQuery = None,
) -> SharedGroup:
    """After ten wrong passwords from an address, or a hundred from all, further ones are refused for a while."""
    opened = await services.shares.open(secret, client_address(request), password=body.password, key=None)
    response.headers.update(PRIVATE)
    return await _shown(services, opened, group, page, public_base(request, services.settings.public_url))


async def _shown(services: Services, opened: OpenShare, group: int | None, page: PageRequest, base: str) -> SharedGroup:
    share, wanted = opened.share, group or opened.share.group_id
    after = positions.FIRST if page.after is None else positions.from_cursor(page.after)
    async with services.database.reading() as session:
        row = await groups.find(session, wanted) if wanted in opened.groups else None
        if row is None or (row.picture_count == 0 and wanted != share.group_id):
            raise NotFound
        rows = await pictures.of_group(session, wanted, after=after, limit=page.limit + 1)
        others = await repository.shown(session, opened.groups - {share.group_id}, limit=MAX_SUBGROUPS)
    key = services.shares.key(share)
    found = Page.of(rows, page, lambda each: positions.to_cursor(each.position))
    return SharedGroup(
        group=row.id,
        title=row.title,
        caption=row.caption,
        picture_count=row.picture_count,
        key=key,
        expires_at=share.expires_at,
        pictures=[SharedPicture.of(each, public_base=base, key=key) for each in found.rows],
        next_cursor=found.next_cursor,
        subgroups=[SharedSubgroup.of(each) for each in others],
    )
