"""CheXRay's sign-up and login, in the shapes and sentences of the Django REST framework application that its clients
know. Errors are 400 with one sentence for each field (`lightbox_shared.errors.dialects.FieldMap`)."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Response

from auth_service.accounts.errors import UsernameLooksAlike, UsernameTaken
from auth_service.accounts.registration import NewAccount
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.logins.errors import WrongCredentials
from auth_service.logins.schemas import CheXRayLoggedIn, CheXRayLogIn, CheXRaySignedUp, CheXRaySignUp
from auth_service.request_source import Source
from auth_service.sessions.service import Client
from auth_service.state import Services, ServicesDep
from lightbox_shared.auth.passwords import composed
from lightbox_shared.errors import FieldError, InvalidRequest
from lightbox_shared.openapi import errors
from lightbox_shared.requests.bodies import form_or_json

CLIENT: Final = Client("chexray", timedelta(days=30))

TAKEN: Final = FieldError("username", "A user with that username already exists")
MISMATCH: Final = FieldError("password", "Passwords Must Match")

router = APIRouter(tags=["CheXRay"])


@router.post("/api/chexray/signup", summary="Sign up")
async def chexray_sign_up(
    response: Response,
    *,
    body: Annotated[CheXRaySignUp, form_or_json(CheXRaySignUp)],
    services: ServicesDep,
    source: Source,
) -> CheXRaySignedUp:
    """Make an account and sign it in. The token lives for 30 days."""
    if body.repeated is not None and composed(body.repeated) != composed(body.password):
        raise await _mismatch(services, body.username)
    try:
        login = await services.logins.sign_up(NewAccount(body.username, body.password), CLIENT, source)
    except (UsernameTaken, UsernameLooksAlike) as error:
        raise InvalidRequest(fields=[_refused(error)]) from error
    response.headers["Cache-Control"] = "no-store"
    username, token = login.account.username, login.issued.token
    return CheXRaySignedUp(response="Successfully Signed Up", username=username, token=token)


@router.post("/api/chexray/login", summary="Log in", responses=errors(TooManyFailures))
async def chexray_log_in(
    response: Response,
    body: Annotated[CheXRayLogIn, form_or_json(CheXRayLogIn)],
    services: ServicesDep,
    source: Source,
) -> CheXRayLoggedIn:
    """Open a session. The token lives for 30 days."""
    try:
        login = await services.logins.log_in(body.username, body.password, CLIENT, source)
    except WrongCredentials as error:
        raise InvalidRequest(error.detail, fields=[FieldError("", error.detail)]) from error
    response.headers["Cache-Control"] = "no-store"
    return CheXRayLoggedIn(userid=login.account.id, username=login.account.username, token=login.issued.token)


def _refused(refusal: UsernameTaken | UsernameLooksAlike) -> FieldError:
    return TAKEN if isinstance(refusal, UsernameTaken) else FieldError("username", refusal.detail)


async def _mismatch(services: Services, username: str) -> InvalidRequest:
    """Two different passwords. Whether the name can't be had is told at the same time."""
    refusal = await services.registration.refusal(username)
    return InvalidRequest(fields=[MISMATCH, *([] if refusal is None else [_refused(refusal)])])
