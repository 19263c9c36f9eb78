"""The two paths of the COVID-19 API."""

from typing import Annotated

from fastapi import APIRouter, Response

from inference_service.covid19 import service
from inference_service.covid19.schemas import AliveBody, PredictBody
from inference_service.predictions.notice import about_model
from inference_service.state import ServicesDep
from lightbox_shared.request_bodies import NoFields, Upload, file_upload

router = APIRouter(tags=["COVID-19"])


@router.get("/alive", summary="Is the server up?")
async def covid19_alive() -> AliveBody:
    """Always the same sentence."""
    return AliveBody()


@router.post("/predict", summary="COVID-19 or normal")
async def covid19_predict(
    response: Response, sent: Annotated[Upload[NoFields], file_upload(file="file")], services: ServicesDep
) -> PredictBody:
    """Read the X-ray in `file`. The record of the prediction is kept, the picture is not."""
    read, prediction = await service.predict(services, sent.data)
    about_model(response, prediction)
    scores = read.serving(service.SYSTEM)
    return PredictBody(result=service.result(scores), distribution=service.distribution(scores))
