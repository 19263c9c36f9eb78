"""The labels of an image side by side, and its history."""

from fastapi import APIRouter

from annotation_service.dependencies import Labelling, is_admin
from annotation_service.review import repository
from annotation_service.review.errors import LabelsHidden
from annotation_service.review.schemas import HistoryEntry, ImageHistory, LabelOfImage, LabelsOfImage
from annotation_service.workflow import repository as workflow
from annotation_service.workflow.errors import NoSuchImage
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import RowId

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])


@router.get(
    "/api/images/{image_id}/labels",
    summary="The labels of an image side by side",
    responses=errors(LabelsHidden, NoSuchImage),
)
async def list_image_labels(image_id: RowId, caller: Labelling, session: Reading) -> LabelsOfImage:
    """For administrators, and for the expert who settles the image. Its other readers do not see each other's
    labels."""
    if not is_admin(caller) and not await repository.settles(session, image_id, caller.account):
        raise LabelsHidden
    scheme = await repository.scheme(session, image_id)
    if scheme is None:
        raise NoSuchImage
    labels = [LabelOfImage.of(each) for each in await repository.labels(session, image_id)]
    return LabelsOfImage(scheme=scheme, labels=labels)


@router.get("/api/images/{image_id}/history", summary="What has happened to an image", responses=errors(NoSuchImage))
async def retrieve_image_history(image_id: RowId, _caller: AdminOnly, session: Reading) -> ImageHistory:
    """Who changed its state and those of its jobs, when, and why. It stays when the image is deleted."""
    found = await workflow.history(session, image_id)
    if not found:
        raise NoSuchImage
    return ImageHistory(history=[HistoryEntry.of(row) for row in found])
