"""The endpoints of the COVID-19 API."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from inference_service.covid19 import service
from inference_service.covid19.schemas import AliveBody, PredictBody
from inference_service.predictions.notice import MODEL_HEADERS, add_model_headers
from inference_service.state import ServicesDep
from lightbox_shared.anonymous_storage.errors import QUOTA_ERRORS
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import NoFields, Upload, file_upload
from lightbox_shared.requests.disconnect import ClientDep

router = APIRouter(tags=["COVID-19"])


@router.get("/alive", summary="Is the server up?")
async def covid19_alive() -> AliveBody:
    """The server answers with a fixed sentence."""
    return AliveBody()


@router.post("/predict", summary="COVID-19 or normal", responses={200: MODEL_HEADERS, **QUOTA_ERRORS})
async def covid19_predict(
    request: Request,
    response: Response,
    sent: Annotated[Upload[NoFields], file_upload(file="file", is_kept=False)],
    services: ServicesDep,
    client: ClientDep,
) -> PredictBody:
    """Run the model on the X-ray in `file`. The prediction is recorded, the picture is not stored."""
    result, prediction = await service.predict(services, sent.data, client, client_address(request))
    add_model_headers(response, prediction)
    scores = result.scores_for(service.SYSTEM)
    return PredictBody(result=service.likelier_label(scores), distribution=service.distribution(scores))
