"""The images collection, and single images."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.dependencies import Approved, admin_or, is_admin
from annotation_service.fields import (
    DEFAULT_LIMIT,
    IdQuery,
    ImageStateQuery,
    Limit,
    NamedStateQuery,
    Offset,
    states_meant,
)
from annotation_service.images import repository, service
from annotation_service.images.errors import (
    CreatingNeedsAdministrator,
    DeletingNeedsAdministrator,
    EditingNeedsAdministrator,
)
from annotation_service.images.repository import ImageFilter
from annotation_service.images.schemas import (
    IMAGES_PATH,
    EditedImage,
    ImageDeleted,
    ImageList,
    ImageResource,
    ListedImage,
    NewImage,
    image_path,
)
from annotation_service.pictures.models import Picture
from annotation_service.state import ServicesDep
from annotation_service.versioned import versioned_response
from annotation_service.workflow.errors import ImageHasJobs, ImageMovesWrongly, NoSuchImage, NotItsLabel, WrongScheme
from annotation_service.workflow.models import Image
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import Forbidden, Unavailable
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed, is_outdated
from lightbox_shared.responses.hal import hal_content, hal_response, page_links, self_link
from lightbox_shared.responses.urls import public_base
from lightbox_shared.responses.versioned import IfMatch, etag_of
from lightbox_shared.second_prefix import Prefix, deleted, deletion

router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])

LOCATION = headers(Location="The path of the image.")
OUTDATED = "图片已被修改"


def answer(
    request: Request, image: Image, picture: Picture, prefix: str, message: str = "", *, status: int = 200
) -> Response:
    """A response with one image."""
    body = ImageResource.saying(message, image, picture, prefix)
    return versioned_response(request, image, body, prefix + image_path(image.id), status=status)


@router.get(
    "/images",
    summary="All images",
    response_model=ImageList,
    responses={200: hal_content(ImageList), **errors(Forbidden)},
)
async def yelda_list_images(
    request: Request,
    *,
    caller: Approved,
    session: Reading,
    prefix: Prefix,
    state: NamedStateQuery = None,
    image_state: ImageStateQuery = None,
    account_id: IdQuery = None,
    image_id: IdQuery = None,
    offset: Offset = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """A page of the images in the order of their ids. `account_id` is that of a doctor with a job for them; doctors
    list their own."""
    if account_id is not None and account_id != caller.account and not is_admin(caller):
        raise Forbidden
    images = ImageFilter(states_meant(state, image_state), image_id, account_id)
    total = await repository.total(session, images)
    rows = await repository.listed(session, images, offset=offset, limit=limit)
    names = ("state", "image_state", "account_id", "image_id")
    query = {name: request.query_params.get(name) or None for name in names}
    path = prefix + IMAGES_PATH
    find = path + "{?state,image_state,account_id,image_id,offset,limit}"
    body = ImageList(
        message="",
        data=[ListedImage.of(image, picture, prefix) for image, picture in rows],
        total=total.rows,
        offset=offset,
        limit=limit,
        _links=page_links(path, query, offset=offset, limit=limit, total=total.rows, find=find),
    )
    return hal_response(request, body, modified=total.modified_at)


@router.post(
    "/images",
    status_code=201,
    summary="Make an image",
    response_model=ImageResource,
    responses={201: {**hal_content(ImageResource), **LOCATION}, **errors(CreatingNeedsAdministrator)},
)
async def yelda_create_image(
    request: Request,
    *,
    caller: Annotated[Principal, admin_or(CreatingNeedsAdministrator)],
    body: Annotated[NewImage, form_or_json(NewImage)],
    services: ServicesDep,
    prefix: Prefix,
) -> Response:
    """The picture is fetched from where it is, checked, and kept: what is labelled stays as it was."""
    own_base = public_base(request, services.settings.public_url)
    image, picture = await service.create_from_path(
        services.database, services.pictures, services.schemes, caller, body, own_base=own_base
    )
    return answer(request, image, picture, prefix, status=201)


@router.get(
    "/images/{image_id}",
    summary="One image",
    response_model=ImageResource,
    responses={200: hal_content(ImageResource), **errors(NoSuchImage)},
)
async def yelda_image(
    request: Request, image_id: RowId, _caller: Approved, session: Reading, prefix: Prefix
) -> Response:
    """Its state, its picture, and its result if there is one."""
    image, picture = await service.find(session, image_id)
    return answer(request, image, picture, prefix)


@router.put(
    "/images/{image_id}",
    summary="Settle an image",
    response_model=ImageResource,
    responses={
        200: {**hal_content(ImageResource), **LOCATION},
        **errors(EditingNeedsAdministrator, NoSuchImage, ImageMovesWrongly, NotItsLabel, WrongScheme),
        **errors(PreconditionFailed),
    },
)
async def yelda_edit_image(
    request: Request,
    image_id: RowId,
    *,
    caller: Annotated[Principal, admin_or(EditingNeedsAdministrator)],
    body: Annotated[EditedImage, form_or_json(EditedImage)],
    session: Writing,
    prefix: Prefix,
) -> Response:
    """An administrator settles an image whose readers disagree, by the id of a label of the image or of an own one."""
    image = await service.lock(session, image_id)
    outdated = is_outdated(request, etag_of(image))
    if not outdated:
        image = await service.edit(session, image, body, caller.account)
    image, picture = await service.find(session, image_id)
    return answer(request, image, picture, prefix, OUTDATED if outdated else "", status=412 if outdated else 200)


@router.delete(
    "/images/{image_id}",
    status_code=204,
    summary="Delete an image",
    responses={
        **deletion(ImageDeleted, **LOCATION),
        **errors(DeletingNeedsAdministrator, NoSuchImage, ImageHasJobs, PreconditionFailed, Unavailable),
    },
)
async def yelda_delete_image(
    request: Request,
    image_id: RowId,
    *,
    caller: Annotated[Principal, admin_or(DeletingNeedsAdministrator)],
    expected: IfMatch,
    services: ServicesDep,
    prefix: Prefix,
) -> Response:
    """Delete an image that has no jobs."""
    await services.deletions.delete_image(image_id, caller.account, client_address(request), expected=expected)
    path = prefix + image_path(image_id)
    gone = ImageDeleted(message="已删除图片", _links=self_link(path, collection=prefix + IMAGES_PATH))
    return deleted(request, prefix, gone, headers={"Location": path})
