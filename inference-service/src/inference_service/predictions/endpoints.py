"""The endpoints of `/api/predictions`: run any model of the repository on a picture, and read earlier records."""

from typing import Annotated

from fastapi import APIRouter

from inference_service.predictions import repository, service
from inference_service.predictions.schemas import PredictionBody, PredictionFields, PredictionList
from inference_service.state import ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import PictureError
from lightbox_shared.openapi import errors
from lightbox_shared.pagination import Page, PageQuery
from lightbox_shared.parameters import RowId
from lightbox_shared.request_bodies import Upload, file_upload

router = APIRouter(tags=["Predictions"], dependencies=[needs(Scope.PREDICT)])


@router.post("/api/predictions", status_code=201, summary="Read a picture with a model")
async def create_prediction(
    caller: CurrentAccount,
    sent: Annotated[Upload[PredictionFields], file_upload(PredictionFields, file="file")],
    services: ServicesDep,
) -> PredictionBody:
    """Run `model` on the picture in `file`. The prediction is recorded, the picture is not stored."""
    version = services.catalog.find(sent.fields.model)
    if version is None:
        raise InvalidRequest.of("model", f"There is no model {sent.fields.model[:100]!r}; /api/models lists them.")
    if not sent.data:
        raise InvalidRequest.of("file", "No picture was sent.")
    model = await services.engine.load(version)
    try:
        result = await services.predictor.predict(sent.data, model)
    except PictureError as error:
        raise InvalidRequest.of("file", str(error)) from error
    async with services.database.writing() as session:
        return PredictionBody.of(await service.record(session, result, caller.account))


@router.get("/api/predictions", summary="The account's predictions")
async def list_predictions(caller: CurrentAccount, session: Reading, page: PageQuery) -> PredictionList:
    """The predictions of the account, newest first."""
    found = Page.of(await repository.page_of_account(session, caller.account, page), page, lambda row: row.id)
    return PredictionList(predictions=[PredictionBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/api/predictions/{prediction_id}", summary="One prediction", responses=errors(NotFound))
async def retrieve_prediction(prediction_id: RowId, caller: CurrentAccount, session: Reading) -> PredictionBody:
    """A prediction of the account. Predictions of other accounts answer 404."""
    row = await repository.find(session, prediction_id)
    if row is None or row.account_id != caller.account:
        raise NotFound
    return PredictionBody.of(row)
