"""The endpoints of `/api/predictions`: run any model of the repository on a picture, and read earlier records."""

from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Query, Request, Response

from inference_service.predictions import heatmap, picture, quotas, repository, service
from inference_service.predictions.account_turns import TooManyWindows
from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.notice import HEATMAP_HEADERS, add_model_headers
from inference_service.predictions.quotas import Sender
from inference_service.predictions.reading import read_picture
from inference_service.predictions.schemas import (
    LONGEST_TITLE,
    InternalPredictionFields,
    LabelFields,
    PictureValuesBody,
    PlainText,
    PredictionBody,
    PredictionFields,
    PredictionList,
)
from inference_service.renditions.answers import FOR_THE_ACCOUNT, PICTURE_HEADERS, picture_response
from inference_service.state import Services, ServicesDep
from lightbox_shared.anonymous_storage.errors import QUOTA_ERRORS
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.images import BROWSER_TYPES, MediaType, PictureError
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import Upload, file_upload, form_or_json
from lightbox_shared.requests.disconnect import Client, ClientDep
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import bytes_response, etag_matches
from lightbox_shared.responses.pagination import Page, PageQuery

router = APIRouter(tags=["Predictions"], dependencies=[needs(Scope.PREDICT)])
internal_router = APIRouter(tags=["Internal"])

Fields = TypeVar("Fields", PredictionFields, InternalPredictionFields)

FindingQuery = Annotated[
    str | None,
    Query(
        max_length=heatmap.LONGEST_FINDING,
        description="A label of the model, by default the likeliest.",
        examples=["COVID-19"],
    ),
]

TitleQuery = Annotated[
    str,
    Query(
        max_length=LONGEST_TITLE,
        description="A part of the title, in which no character has a meaning of its own. Upper and lower case are the "
        "same.",
        examples=["chest"],
    ),
    PlainText,
]
ModelQuery = Annotated[
    Annotated[str, PlainText] | None,
    Query(max_length=200, description="`name`, or `name/version`. It need not be installed any more."),
]
WindowQuery = Annotated[
    str | None,
    Query(
        description="`center,width,function`: the values about `center` that become the greys from black to white, in "
        "place of what the file says. They are those after the modality transformation of DICOM (such as Hounsfield "
        "units), or the samples of the file in other formats. The function is `linear`, `linear-exact` or `sigmoid` "
        "(PS3.3 C.11.2.1).",
        examples=["40,400,linear"],
    ),
]
ViewportQuery = Annotated[
    str | None,
    Query(
        description="`width,height` in pixels: the picture comes no larger than that, in its own shape, and is never "
        "enlarged. The parts that follow in DICOMweb are not read.",
        examples=["800,600"],
    ),
]

LARGEST_LABEL: Final = 1024 * 1024
"""Bytes of a request with a label."""


@router.post("/api/predictions", status_code=201, summary="Read a picture with a model", responses=QUOTA_ERRORS)
async def create_prediction(
    request: Request,
    *,
    caller: CurrentAccount,
    sent: Annotated[Upload[PredictionFields], file_upload(PredictionFields, file="file")],
    services: ServicesDep,
    client: ClientDep,
) -> PredictionBody:
    """Run `model` on the picture in `file`. The prediction is recorded, and the picture is kept with it, as it was
    sent. Accounts that wait for approval store no more than visitors without an account."""
    sender = Sender.of(caller, client_address(request))
    return _body(services, await _predict(services, sent, sender, client, title=sent.fields.title))


def _body(services: Services, row: Prediction, label: PredictionLabel | None = None) -> PredictionBody:
    return PredictionBody.of(row, label, has_heatmap=heatmap.can_be_made(services, row))


async def _predict(
    services: Services,
    sent: Upload[Fields],
    sender: Sender,
    client: Client,
    *,
    title: str = "",
    keeps_picture: bool = True,
) -> Prediction:
    version = services.catalog.find(sent.fields.model)
    if version is None:
        sentence = f"There is no model {sent.fields.model[:100]!r}; /api/models lists them."
        raise InvalidRequest.of("model", Sentence("no-such-model", sentence))
    data = sent.data
    if data is None:
        raise InvalidRequest.of("file", Sentence("no-file", "No picture was sent."))
    if not data:
        raise InvalidRequest.of("file", Sentence("empty-file", "The file that was sent is empty."))
    model = await services.engine.load(version)
    try:
        async with read_picture(services, data, model, sender, client, keeps_picture=keeps_picture) as reading:
            return await service.record(
                reading.session,
                reading.result,
                sender.account_id,
                title=title,
                keeps_picture=keeps_picture,
                anonymous_bytes=reading.counted_bytes,
            )
    except PictureError as error:
        raise InvalidRequest.of("file", error.sentence) from error


@router.get("/api/predictions", summary="The account's predictions")
async def list_predictions(
    caller: CurrentAccount,
    session: Reading,
    services: ServicesDep,
    page: PageQuery,
    *,
    title: TitleQuery = "",
    model: ModelQuery = None,
) -> PredictionList:
    """The predictions of the account, newest first: all, or those that have `title` in their title and are of `model`.
    The X-rays of the account are among them."""
    wanted = service.filter_of(title, model)
    rows = await repository.page_of_account(session, caller.account, page, wanted)
    found = Page.of(rows, page, lambda row: row.id)
    labels = await repository.labels_of(session, [row.id for row in found.rows])
    bodies = [_body(services, row, labels.get(row.id)) for row in found.rows]
    return PredictionList(predictions=bodies, next_cursor=found.next_cursor)


@router.get("/api/predictions/{prediction_id}", summary="One prediction", responses=errors(NotFound))
async def retrieve_prediction(
    prediction_id: RowId, caller: CurrentAccount, session: Reading, services: ServicesDep
) -> PredictionBody:
    """A prediction of the account. Predictions of other accounts answer 404."""
    row = await service.find_owned(session, prediction_id, caller.account)
    labels = await repository.labels_of(session, [row.id])
    return _body(services, row, labels.get(row.id))


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
    found = heatmap.heatmap_of(services, row, finding, picture_sha256=row.picture_sha256)
    shown = heatmap.shown(services, found, client, quotas.charge_for(services, row))
    response = await picture_response(request, shown, FOR_THE_ACCOUNT)
    add_model_headers(response, row)
    return response


@router.get(
    "/api/predictions/{prediction_id}/picture",
    summary="The picture of a prediction",
    response_class=Response,
    responses={
        200: content(*BROWSER_TYPES) | PICTURE_HEADERS,
        304: {"description": "Not Modified"},
        **errors(picture.InvalidRendering, NotFound, picture.PictureNotKept, TooManyWindows),
    },
)
async def retrieve_prediction_picture(
    request: Request,
    prediction_id: RowId,
    caller: CurrentAccount,
    services: ServicesDep,
    client: ClientDep,
    *,
    window: WindowQuery = None,
    viewport: ViewportQuery = None,
) -> Response:
    """The picture in a format that browsers show, upright. The query has parameters of DICOMweb's rendered resources
    (PS3.18 8.3.5.1).

    A window applies to grey pictures in DICOM, whatever their bits, and in other formats to grey of more than 8 bits a
    sample; for any other picture a `window` is answered by 400, since the picture would not be what was asked for.
    `/picture/values` says beforehand which it is. 404 with the reason where the picture is not kept."""
    rendering = picture.Rendering.parse(window, viewport)
    async with services.database.reading() as session:
        row = await service.find_owned(session, prediction_id, caller.account)
    return await picture_response(request, picture.shown(services, row, rendering, client), FOR_THE_ACCOUNT)


@router.get(
    "/api/predictions/{prediction_id}/picture/values",
    summary="What windows a picture can have",
    response_model=PictureValuesBody,
    responses={
        200: headers(ETag="Of the values; `If-None-Match` with it is answered by 304."),
        304: {"description": "Not Modified"},
        **errors(NotFound, picture.PictureNotKept, TooManyWindows),
    },
)
async def retrieve_prediction_picture_values(
    request: Request, prediction_id: RowId, caller: CurrentAccount, services: ServicesDep, client: ClientDep
) -> Response:
    """The size of the picture, the lowest and the highest of its values, and the windows that its file has. They are
    what a viewer needs for its controls."""
    async with services.database.reading() as session:
        row = await service.find_owned(session, prediction_id, caller.account)
    tag = picture.etag_of_values(row)
    data = b""
    if not etag_matches(request.headers.get("if-none-match"), tag):
        body = PictureValuesBody.of(*await picture.values_of(services, row, client))
        data = body.model_dump_json().encode()
    return bytes_response(request, data, "application/json", etag=tag, headers={"Cache-Control": FOR_THE_ACCOUNT})


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
    return PredictionBody.of(
        await _predict(services, sent, Sender(sent.fields.account_id), client, keeps_picture=False)
    )


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
