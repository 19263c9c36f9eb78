"""The endpoints of CheXRay, except for sign-up and login, which belong to auth-service."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from inference_service.predictions.heatmap import LONGEST_FINDING
from inference_service.predictions.notice import HEATMAP_HEADERS, MODEL_HEADERS, add_model_headers
from inference_service.predictions.quotas import Sender
from inference_service.renditions.answers import FOR_WHO_HAS_THE_LINK, PICTURE_HEADERS, picture_response
from inference_service.state import Services, ServicesDep
from inference_service.xrays import repository, service
from inference_service.xrays.errors import NotTheOwner
from inference_service.xrays.models import XRay
from inference_service.xrays.schemas import UserBody, XRayBody, XRayFields, XRayQuery
from lightbox_shared.anonymous_storage.errors import QUOTA_ERRORS
from lightbox_shared.auth.dependencies import CurrentAccount, ServiceOnly, needs
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Scope
from lightbox_shared.database import Reading
from lightbox_shared.errors import NotFound
from lightbox_shared.images import BROWSER_TYPES, RADIOGRAPH_TYPES
from lightbox_shared.openapi import content, errors
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import Upload, file_upload, form_or_json
from lightbox_shared.requests.disconnect import ClientDep
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["CheXRay"], dependencies=[needs(Scope.PREDICT)])
internal_router = APIRouter(tags=["Internal"])

LinkKey = Annotated[str, Query(max_length=500, description="Comes with the link in `image`.")]
FindingQuery = Annotated[
    str | None,
    Query(max_length=LONGEST_FINDING, description="By default the likeliest.", examples=["pleural_effusion"]),
]
XRayUpload = Annotated[Upload[XRayFields], file_upload(XRayFields, file="image")]


def _body(request: Request, response: Response, services: Services, xray: XRay) -> XRayBody:
    add_model_headers(response, xray.prediction)
    if xray.account_id != ANONYMOUS_ACCOUNT:
        response.headers.append("Link", f'</api/predictions/{xray.prediction_id}>; rel="via"')
    paths = service.picture_paths(services, xray)
    return XRayBody.of(xray, public_base(request, services.public_url), paths.picture, paths.heatmap)


@router.get("/api/chexray/user", summary="The account and its X-rays", responses=errors(NotFound))
async def chexray_user(caller: CurrentAccount, session: Reading, services: ServicesDep) -> UserBody:
    """The account of the token, and the ids of its X-rays, newest first."""
    username = await services.accounts.username(caller.account)
    past = await repository.ids_of_account(session, caller.account)
    return UserBody(userid=caller.account, username=username, pastxrays=list(past))


@router.post("/api/chexray/xray", summary="One X-ray", responses={200: MODEL_HEADERS, **errors(NotFound, NotTheOwner)})
async def chexray_xray(
    request: Request,
    response: Response,
    *,
    caller: CurrentAccount,
    asked: Annotated[XRayQuery, form_or_json(XRayQuery)],
    session: Reading,
    services: ServicesDep,
) -> XRayBody:
    """An X-ray of the account, by its id."""
    return _body(request, response, services, await service.find_owned(session, asked.xray_id, caller.account))


@router.post(
    "/api/chexray/upload",
    status_code=201,
    summary="Read an X-ray and keep it",
    responses={201: MODEL_HEADERS, **QUOTA_ERRORS},
)
async def chexray_upload(
    request: Request,
    response: Response,
    *,
    caller: CurrentAccount,
    sent: XRayUpload,
    services: ServicesDep,
    client: ClientDep,
) -> XRayBody:
    """Store the picture `image` with the title `title`, and run the model on it. Accounts that wait for approval store
    no more than visitors without an account."""
    sender = Sender.of(caller, client_address(request))
    return _body(request, response, services, await service.upload(services, sent, sender, client))


@router.post(
    "/api/chexray/anonupload",
    status_code=201,
    summary="Read an X-ray without an account",
    responses={201: MODEL_HEADERS, **QUOTA_ERRORS},
)
async def chexray_anonymous_upload(
    request: Request, response: Response, sent: XRayUpload, services: ServicesDep, client: ClientDep
) -> XRayBody:
    """Like `upload`, for the anonymous account. Only the link in the response leads to the picture, which is kept for
    some days. An address may store so much in a day, and all of them together so much."""
    sender = Sender.anonymous(client_address(request))
    return _body(request, response, services, await service.upload(services, sent, sender, client))


@router.get(
    "/api/chexray/media/{xray_id}",
    summary="The picture of an X-ray",
    response_class=Response,
    responses={
        200: content(*BROWSER_TYPES) | PICTURE_HEADERS,
        304: {"description": "Not Modified"},
        **errors(NotFound),
    },
)
async def chexray_picture(request: Request, xray_id: RowId, services: ServicesDep, key: LinkKey = "") -> Response:
    """The picture in a format that browsers show. Links to pictures of accounts expire."""
    found = await service.find_by_link(services, xray_id, key)
    return await picture_response(request, service.shown_picture(services, found), FOR_WHO_HAS_THE_LINK)


@router.get(
    "/api/chexray/media/{xray_id}/heatmap",
    summary="The heatmap of an X-ray",
    response_class=Response,
    responses={
        200: content(*BROWSER_TYPES) | HEATMAP_HEADERS,
        304: {"description": "Not Modified"},
        **errors(NotFound),
    },
)
async def chexray_heatmap(
    request: Request,
    xray_id: RowId,
    services: ServicesDep,
    client: ClientDep,
    *,
    key: LinkKey = "",
    finding: FindingQuery = None,
) -> Response:
    """The picture in grey, with the class-activation map of a finding over it as a PNG, at most 448 pixels wide and
    high. Of a model without such maps the picture itself."""
    found = await service.find_by_link(services, xray_id, key)
    shown = service.heatmap_for_browsers(services, found, finding, client)
    response = await picture_response(request, shown, FOR_WHO_HAS_THE_LINK)
    add_model_headers(response, found.prediction)
    return response


@internal_router.get(
    "/internal/xrays/{xray_id}/picture",
    summary="The picture of an X-ray as it was uploaded, for other services",
    response_class=Response,
    responses={200: content(*(each.value for each in RADIOGRAPH_TYPES)), **errors(NotFound)},
)
async def internal_xray_picture(
    xray_id: RowId,
    _service: ServiceOnly,
    session: Reading,
    services: ServicesDep,
    *,
    account_id: Annotated[int, Query(ge=1, lt=2**63, description="The account that wants to see it.")],
    key: Annotated[str, Query(max_length=500, description="Of a link to the picture.")] = "",
) -> Response:
    """The original bytes, if the X-ray belongs to the account or the key opens it; 404 otherwise."""
    found = await service.find_for_account(services, session, xray_id, account_id=account_id, key=key)
    async with service.while_it_is_kept(services, found):
        data = await services.blobs.get(session, found.picture_sha256)
    return Response(data, media_type=found.media_type)
