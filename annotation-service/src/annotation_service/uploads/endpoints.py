"""Uploading medical pictures."""

from typing import Annotated, Final

from fastapi import APIRouter, Request, Response

from annotation_service.dependencies import admin_or
from annotation_service.images.errors import CreatingNeedsAdministrator
from annotation_service.state import ServicesDep
from annotation_service.uploads import service
from annotation_service.uploads.schemas import UploadedImages, UploadFields
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import FilesUpload, files_upload
from lightbox_shared.responses.hal import hal_content, hal_response
from lightbox_shared.second_prefix import Prefix

MAX_FILES: Final = 50

router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])


@router.post(
    "/uploads/medical-images",
    status_code=201,
    summary="Upload pictures that are to be labelled",
    response_model=UploadedImages,
    responses={
        201: {**hal_content(UploadedImages), **headers(Location="The path of the first image.")},
        **errors(CreatingNeedsAdministrator),
    },
)
async def yelda_upload_pictures(
    request: Request,
    prefix: Prefix,
    *,
    caller: Annotated[Principal, admin_or(CreatingNeedsAdministrator, drains_body=True)],
    sent: Annotated[FilesUpload[UploadFields], files_upload(UploadFields, file="file", max_files=MAX_FILES)],
    services: ServicesDep,
) -> Response:
    """One picture, or several in fields of the same name, DICOM as well: each becomes an image, or none does."""
    images = await service.upload(
        services.database,
        services.pictures,
        services.schemes,
        sent.files,
        sent.fields,
        account_id=caller.account,
    )
    made = UploadedImages.of_all(images, prefix)
    location = f"{prefix}/images/{made.image_id}"
    return hal_response(request, made, status=201, headers={"Location": location})
