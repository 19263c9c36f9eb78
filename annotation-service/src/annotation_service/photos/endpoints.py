"""Uploading photos of accounts, and showing them."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from annotation_service.photos.schemas import UploadedPhoto
from annotation_service.pictures.responses import HEADERS
from annotation_service.state import ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, WholeAccount, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import InsufficientScope, NotFound
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.requests.bodies import NoFields, Upload, file_upload
from lightbox_shared.responses.conditional import bytes_response
from lightbox_shared.responses.hal import hal_content, hal_response, self_link
from lightbox_shared.second_prefix import Prefix
from lightbox_shared.storage.blobs import sha256

router = APIRouter()


@router.post(
    "/uploads/photos",
    status_code=201,
    summary="Upload a photo of the own account",
    response_model=UploadedPhoto,
    responses={
        201: {**hal_content(UploadedPhoto), **headers(Location="The path of the photo.")},
        **errors(InsufficientScope),
    },
)
async def yelda_upload_photo(
    request: Request,
    prefix: Prefix,
    *,
    caller: WholeAccount,
    sent: Annotated[Upload[NoFields], file_upload(file="file")],
    services: ServicesDep,
) -> Response:
    """The middle of the picture, as a small square without metadata, is the photo of the account from now on."""
    name = await services.photos.upload(sent.data, caller.account)
    path = f"{prefix}/uploads/photos/{name}"
    made = UploadedPhoto(photo=name, url=path, _links=self_link(path))
    return hal_response(request, made, status=201, headers={"Location": path})


@router.get(
    "/uploads/photos/{photo}",
    summary="The photo of an account",
    dependencies=[needs(*Scope)],
    response_class=Response,
    responses={
        200: content("image/jpeg", "image/png") | headers(ETag="The SHA-256 of the bytes."),
        304: {"description": "The client has the photo already."},
        **errors(NotFound),
    },
)
async def yelda_photo(
    request: Request,
    photo: Annotated[str, Path(description="The `photo` of an account.", examples=["default.png"])],
    _caller: CurrentAccount,
    services: ServicesDep,
) -> Response:
    """The photo of this name, for every account that is signed in. `default.png` always exists."""
    found = await services.photos.find(photo)
    return bytes_response(request, found.data, found.media_type.value, etag=sha256(found.data).hex(), headers=HEADERS)
