"""Deleting over HTTP, by administrators who are signed in: no API key deletes."""

from fastapi import APIRouter, Request, Response

from core_collection_service.author import Author
from core_collection_service.dependencies import CollectionName
from core_collection_service.errors import NoSuchCollection
from core_collection_service.parameters import DEVICE_ID, TIMESTAMP
from core_collection_service.pictures.errors import NoSuchPicture
from core_collection_service.pictures.queries import PictureId, read_picture_id, read_picture_key
from core_collection_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors

router = APIRouter(tags=["CoRE collection"], dependencies=[needs()])
_ERRORS = errors(NotAuthenticated, Forbidden, NoSuchPicture, NoSuchCollection)


@router.delete(
    "/collections/{collection}",
    status_code=204,
    summary="Delete a picture by device and time",
    responses=_ERRORS,
    openapi_extra={"parameters": [DEVICE_ID.describe(required=True), TIMESTAMP.describe(required=True)]},
)
async def delete_picture(
    request: Request, collection: CollectionName, caller: AdminOnly, services: ServicesDep
) -> Response:
    """The picture is deleted for good, and the counts of its device follow."""
    await services.deletions.delete(read_picture_key(request, collection), Author.of(request, caller))
    return Response(status_code=204)


@router.delete(
    "/collections/{collection}/{picture_id}", status_code=204, summary="Delete a picture by id", responses=_ERRORS
)
async def delete_picture_by_id(
    collection: CollectionName, picture_id: PictureId, request: Request, caller: AdminOnly, services: ServicesDep
) -> Response:
    """The picture is deleted for good, and the counts of its device follow."""
    await services.deletions.delete_by_id(collection, read_picture_id(picture_id), Author.of(request, caller))
    return Response(status_code=204)
