"""The two paths of the COVID-19 API."""

from fastapi import APIRouter, Request, Response

from inference_service.covid19 import service
from inference_service.covid19.errors import EmptyFile, NotAnImage
from inference_service.covid19.schemas import AliveBody, PredictBody
from inference_service.predictions.notice import about_model
from inference_service.predictions.service import record
from inference_service.state import ServicesDep
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import Writing
from lightbox_shared.images import PictureError
from lightbox_shared.uploads import read_upload

router = APIRouter(tags=["COVID-19"])


@router.get("/alive")
async def alive() -> AliveBody:
    """Is the server up?"""
    return AliveBody()


@router.post("/predict")
async def predict(request: Request, response: Response, session: Writing, services: ServicesDep) -> PredictBody:
    """Read the X-ray in `file`. The record of the prediction is kept, the picture is not."""
    upload = await read_upload(request, "file", services.max_picture_bytes)
    if not upload.data:
        raise EmptyFile
    try:
        read = await services.reader.read(upload.data, services.covid19)
    except PictureError as error:
        raise NotAnImage from error
    about_model(response, await record(session, read, ANONYMOUS_ACCOUNT))
    scores = read.serving(service.SYSTEM)
    return PredictBody(result=service.result(scores), distribution=service.distribution(scores))
