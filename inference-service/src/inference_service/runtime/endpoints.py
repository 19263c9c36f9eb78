"""The endpoint of `/api/models/queue`: how busy the models are, for administrators. Its path can't be that of a model,
which has the version behind the name."""

from fastapi import APIRouter, Response

from inference_service.runtime.schemas import ModelQueue
from inference_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors

router = APIRouter(tags=["Models"], dependencies=[needs(Scope.READ)])


@router.get("/api/models/queue", summary="The queue before the models", responses=errors(NotAuthenticated, Forbidden))
async def retrieve_model_queue(_caller: AdminOnly, services: ServicesDep, response: Response) -> ModelQueue:
    """Pictures of each model that wait and run at this moment, how long the last runs took, and how many pictures were
    refused. The metrics have the same figures."""
    response.headers["Cache-Control"] = "no-store"
    return ModelQueue.of(services.engine, services.catalog)
