"""Deleting a prediction, by whom it belongs to and by administrators."""

from fastapi import APIRouter, Response

from inference_service.deletions import service
from inference_service.state import ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Writing
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import RowId

router = APIRouter(tags=["Predictions"], dependencies=[needs(Scope.PREDICT)])


@router.delete(
    "/api/predictions/{prediction_id}", status_code=204, summary="Delete a prediction", responses=errors(NotFound)
)
async def delete_prediction(
    prediction_id: RowId, caller: CurrentAccount, session: Writing, services: ServicesDep
) -> Response:
    """The prediction is deleted for good, and with it the X-ray of CheXRay that it was made for, and its ground truth.
    The bytes of the picture and of its heatmaps follow within an hour or two, unless another prediction has the same
    picture.

    Predictions of other accounts answer 404, but for administrators who are signed in; an API key deletes those of its
    own account alone."""
    await service.delete(session, services.anonymous, prediction_id, caller)
    return Response(status_code=204)
