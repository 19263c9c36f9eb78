"""The endpoints of `/api/models`: the installed models and their cards."""

from typing import Annotated

from anyio import Path as AsyncPath
from fastapi import APIRouter, Path, Response

from inference_service.model_repository.catalog import ModelVersion
from inference_service.model_repository.schemas import ModelBody, ModelList
from inference_service.state import ServicesDep
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import content, errors

router = APIRouter(tags=["Models"])

Name = Annotated[str, Path(description="As in `/api/models`.", examples=["covid19"])]
Version = Annotated[int, Path(ge=1, lt=2**31, examples=[1])]


def _found(services: ServicesDep, name: str, version: int) -> ModelVersion:
    found = services.catalog.find(f"{name}/{version}")
    if found is None:
        raise NotFound
    return found


@router.get("/api/models", summary="The installed models")
async def list_models(services: ServicesDep) -> ModelList:
    """All versions of all models in the repository."""
    return ModelList(models=[ModelBody.of(version) for version in services.catalog])


@router.get("/api/models/{name}/{version}", summary="One version of a model", responses=errors(NotFound))
async def retrieve_model(name: Name, version: Version, services: ServicesDep) -> ModelBody:
    """One version of a model."""
    return ModelBody.of(_found(services, name, version))


@router.get(
    "/api/models/{name}/{version}/card",
    summary="The card of a model",
    response_class=Response,
    responses={200: content("text/markdown", schema={"type": "string"}), **errors(NotFound)},
)
async def retrieve_model_card(name: Name, version: Version, services: ServicesDep) -> Response:
    """The model card, in Markdown: data, figures, limits."""
    try:
        text = await AsyncPath(_found(services, name, version).card).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound("This model has no card.") from error
    return Response(text, media_type="text/markdown; charset=utf-8")
