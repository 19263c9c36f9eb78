"""The endpoints of `/api/predictions`: run any model of the repository on a picture, and read earlier records."""

from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Query, Request, Response

from inference_service.predictions import heatmap, repository, service
from inference_service.predictions.models import Prediction
from inference_service.predictions.notice import HEATMAP_HEADERS, add_model_headers
from inference_service.predictions.schemas import (
    InternalPredictionFields,
    LabelFields,
    PredictionBody,
    PredictionFields,
    PredictionList,
)
from inference_service.renditions.answers import picture_response
from inference_service.state import Services, ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.disconnect import Client, ClientDep
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.openapi import content, errors
from lightbox_shared.pagination import Page, PageQuery
from lightbox_shared.parameters import RowId
from lightbox_shared.request_bodies import Upload, file_upload, form_or_json

router = APIRouter(tags=["Predictions"], dependencies=[needs(Scope.PREDICT)])
internal_router = APIRouter(tags=["Internal"])

Fields = TypeVar("Fields", bound=PredictionFields)

FindingQuery = Annotated[
    str | None,
    Query(
        max_length=heatmap.LONGEST_FINDING,
        description="A label of the model, by default the likeliest.",
        examples=["COVID-19"],
    ),
]

LARGEST_LABEL: Final = 1024 * 1024
"""Bytes of a request with a label."""


@router.post("/api/predictions", status_code=201, summary="Read a picture with a model")
async def create_prediction(
    caller: CurrentAccount,
    sent: Annotated[Upload[PredictionFields], file_upload(PredictionFields, file="file")],
    services: ServicesDep,
    client: ClientDep,
) -> PredictionBody:
    """Run `model` on the picture in `file`. The prediction is recorded, and the picture is kept where the model has
    class-activation maps, for the prediction's heatmap."""
    return PredictionBody.of(await _predict(services, sent, caller.account, client, keeps_picture=True))


async def _predict(
    services: Services, sent: Upload[Fields], account_id: int, client: Client, *, keeps_picture: bool
) -> Prediction:
    version = services.catalog.find(sent.fields.model)
    if version is None:
        raise InvalidRequest.of("model", f"There is no model {sent.fields.model[:100]!r}; /api/models lists them.")
    data = sent.data
    if not data:
        raise InvalidRequest.of("file", "No picture was sent.")

    async def store(digest: bytes) -> None:
        async with services.database.writing() as session:
            await services.blobs.put(session, data, digest)

    model = await services.engine.load(version)
    keeps_picture = keeps_picture and model.maps is not None
    try:
        async with client.present():
            result = await services.predictor.predict(data, model, store if keeps_picture else service.store_nothing)
    except PictureError as error:
        raise InvalidRequest.of("file", str(error)) from error
    async with services.database.writing() as session:
        if keeps_picture:
            await services.blobs.put_missing(session, {result.sha256: data})
        return await service.record(session, result, account_id, keeps_picture=keeps_picture)


@router.get("/api/predictions", summary="The account's predictions")
async def list_predictions(caller: CurrentAccount, session: Reading, page: PageQuery) -> PredictionList:
    """The predictions of the account, newest first."""
    found = Page.of(await repository.page_of_account(session, caller.account, page), page, lambda row: row.id)
    labels = await repository.labels_of(session, [row.id for row in found.rows])
    bodies = [PredictionBody.of(row, labels.get(row.id)) for row in found.rows]
    return PredictionList(predictions=bodies, next_cursor=found.next_cursor)


@router.get("/api/predictions/{prediction_id}", summary="One prediction", responses=errors(NotFound))
async def retrieve_prediction(prediction_id: RowId, caller: CurrentAccount, session: Reading) -> PredictionBody:
    """A prediction of the account. Predictions of other accounts answer 404."""
    row = await service.find_owned(session, prediction_id, caller.account)
    labels = await repository.labels_of(session, [row.id])
    return PredictionBody.of(row, labels.get(row.id))


@router.get(
    "/api/predictions/{prediction_id}/heatmap",
    summary="The heatmap of a prediction",
    response_class=Response,
    responses={
        200: content(MediaType.PNG.value) | HEATMAP_HEADERS,
        304: {"description": "Not Modified"},
        **errors(NotFound, heatmap.NoHeatmap),
    },
)
async def retrieve_prediction_heatmap(
    request: Request,
    prediction_id: RowId,
    caller: CurrentAccount,
    services: ServicesDep,
    client: ClientDep,
    *,
    finding: FindingQuery = None,
) -> Response:
    """The picture in grey, with the class-activation map of a finding over it, at most 448 pixels wide and high. 404
    with the reason, where the model has no such maps or the picture is not kept."""
    async with services.database.reading() as session:
        row = await service.find_owned(session, prediction_id, caller.account)
    found = heatmap.heatmap_of(services, row, finding)
    response = await picture_response(request, heatmap.shown(services, found, client))
    add_model_headers(response, row)
    return response


@internal_router.post(
    "/internal/predictions", status_code=201, summary="Read a picture with a model, for another service"
)
async def internal_create_prediction(
    _service: ServiceOnly,
    sent: Annotated[
        Upload[InternalPredictionFields], file_upload(InternalPredictionFields, file="file", is_kept=False)
    ],
    services: ServicesDep,
    client: ClientDep,
) -> PredictionBody:
    """Like `POST /api/predictions`, for the account `account_id`. The picture is not kept: the other service has it."""
    return PredictionBody.of(await _predict(services, sent, sent.fields.account_id, client, keeps_picture=False))


@internal_router.put(
    "/internal/predictions/{prediction_id}/label",
    status_code=204,
    summary="Tell the ground truth of a prediction",
    responses=errors(NotFound),
)
async def internal_put_prediction_label(
    prediction_id: RowId,
    service_name: ServiceOnly,
    label: Annotated[LabelFields, form_or_json(LabelFields, max_bytes=LARGEST_LABEL)],
    session: Writing,
) -> None:
    """Keep the label beside the prediction, in place of the one that was told before. The prediction itself never
    changes."""
    await service.put_label(session, prediction_id, label, service_name)
