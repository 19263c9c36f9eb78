"""Asking models about an image, and what they have said."""

from typing import Annotated

from fastapi import APIRouter, Response

from annotation_service.dependencies import Labelling, admin_or
from annotation_service.state import ServicesDep
from annotation_service.suggestions import service
from annotation_service.suggestions.errors import SuggestingNeedsAdministrator, SuggestionsHidden
from annotation_service.suggestions.schemas import ModelToAsk, SuggestionBody, SuggestionList
from annotation_service.workflow.errors import NoSuchImage
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.database import Reading
from lightbox_shared.openapi import errors
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.parameters import RowId

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])


@router.post(
    "/api/images/{image_id}/suggestions",
    status_code=201,
    summary="Ask a model about an image",
    responses={
        200: {"description": "This version of the model was asked before.", "model": SuggestionBody},
        **errors(NoSuchImage, SuggestingNeedsAdministrator),
    },
)
async def create_suggestion(
    image_id: RowId,
    response: Response,
    caller: Annotated[Principal, admin_or(SuggestingNeedsAdministrator)],
    body: Annotated[ModelToAsk, form_or_json(ModelToAsk)],
    services: ServicesDep,
) -> SuggestionBody:
    """What the model says is kept beside the image. It is never a label."""
    suggestion, is_new = await services.suggestions.suggest(image_id, body.model, caller.account)
    if not is_new:
        response.status_code = 200
    return SuggestionBody.of(suggestion)


@router.get(
    "/api/images/{image_id}/suggestions",
    summary="What models say about an image",
    responses=errors(NoSuchImage, SuggestionsHidden),
)
async def list_suggestions(image_id: RowId, caller: Labelling, session: Reading) -> SuggestionList:
    """For administrators, and for doctors who read the image: at once if the image shows suggestions, else when they
    have finished their own job."""
    found = await service.visible(session, image_id, caller)
    return SuggestionList(suggestions=[SuggestionBody.of(each) for each in found])
