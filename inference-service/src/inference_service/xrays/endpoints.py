"""CheXRay's paths; sign-up and login are auth-service's."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from inference_service.predictions.notice import about_model
from inference_service.state import Services, ServicesDep
from inference_service.xrays import repository, service
from inference_service.xrays.models import XRay
from inference_service.xrays.schemas import UserBody, XRayBody
from lightbox_shared.auth.dependencies import CurrentAccount, needs
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Scope
from lightbox_shared.conditional import bytes_response, etag_matches
from lightbox_shared.database import Reading, Writing
from lightbox_shared.forms import read_fields
from lightbox_shared.uploads import read_upload
from lightbox_shared.urls import public_base

router = APIRouter(prefix="/api/chexray", tags=["CheXRay"], dependencies=[needs(Scope.PREDICT)])


def _body(request: Request, response: Response, services: Services, xray: XRay) -> XRayBody:
    about_model(response, xray.prediction)
    return XRayBody.of(xray, public_base(request, services.public_url) + service.picture_path(services, xray))


@router.get("/user")
async def user(caller: CurrentAccount, session: Reading, services: ServicesDep) -> UserBody:
    """The account behind the token, and its X-rays."""
    username = await services.accounts.username(caller.account)
    past = await repository.ids_of_account(session, caller.account)
    return UserBody(userid=caller.account, username=username, pastxrays=list(past))


@router.post("/xray")
async def xray(
    request: Request, response: Response, caller: CurrentAccount, session: Reading, services: ServicesDep
) -> XRayBody:
    """One of one's own X-rays; the body names it by `xray_id`."""
    xray_id = service.parse_xray_id(await read_fields(request))
    return _body(request, response, services, await service.owned(session, xray_id, caller.account))


@router.post("/upload", status_code=201)
async def upload(
    request: Request, response: Response, caller: CurrentAccount, session: Writing, services: ServicesDep
) -> XRayBody:
    """Keep `image` under `title` and read it."""
    sent = await read_upload(request, "image", services.max_picture_bytes)
    return _body(request, response, services, await service.upload(services, session, sent, caller.account))


@router.post("/anonupload", status_code=201)
async def anonymous_upload(request: Request, response: Response, session: Writing, services: ServicesDep) -> XRayBody:
    """The same for anybody; the X-ray belongs to the anonymous account, and its link is the only way back to it."""
    sent = await read_upload(request, "image", services.max_picture_bytes)
    return _body(request, response, services, await service.upload(services, session, sent, ANONYMOUS_ACCOUNT))


@router.get("/media/{xray_id}", include_in_schema=False)
async def picture(
    request: Request,
    xray_id: Annotated[int, Path(ge=1, lt=2**63)],
    session: Reading,
    services: ServicesDep,
    key: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """A picture, for whoever has its link."""
    found = await service.picture_behind(services, session, xray_id, key)
    # The type was checked at upload and is not to be guessed again; nothing in a picture may run.
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"}
    etag = found.picture_sha256.hex()
    if etag_matches(request.headers.get("if-none-match"), etag):
        return bytes_response(request, b"", found.media_type, etag=etag, headers=headers)
    data, media_type = await service.picture_for_browsers(services, session, found)
    return bytes_response(request, data, media_type, etag=etag, headers=headers)
