"""CheXRay's dialect: the shapes and sentences of the Django REST framework application that its clients know. Errors
are 400 with one sentence a field (`lightbox_shared.errors.dialects.FieldMap`)."""

import unicodedata
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from auth_service.accounts.errors import UsernameTaken, WrongCredentials
from auth_service.accounts.names import MAX_PASSWORD_LENGTH, MAX_USERNAME_LENGTH
from auth_service.logins.schemas import CheXRayLoggedIn, CheXRayLogin, CheXRaySignedUp, CheXRaySignUp
from auth_service.request_source import Source
from auth_service.sessions.service import Client
from auth_service.state import AccountsState, LoginsState
from lightbox_shared.database import Writing
from lightbox_shared.errors import FieldError, InvalidRequest
from lightbox_shared.forms import Fields, documented_body, read_fields

PREFIX: Final = "/api/chexray"
CLIENT: Final = Client("chexray", timedelta(days=30))

TAKEN: Final = "A user with that username already exists"
MISMATCH: Final = "Passwords Must Match"

router = APIRouter(prefix=PREFIX, tags=["CheXRay"])


@router.post("/signup", openapi_extra=documented_body(CheXRaySignUp))
async def sign_up(
    request: Request,
    response: Response,
    *,
    session: Writing,
    accounts: AccountsState,
    logins: LoginsState,
    source: Source,
) -> CheXRaySignedUp:
    """Register an account and log it in."""
    fields = Fields(await read_fields(request))
    # Lengths first: normalising a long text takes time that grows with the square of its length.
    username = fields.text("username", trim=True, max_length=MAX_USERNAME_LENGTH)
    password = fields.text("password", max_length=MAX_PASSWORD_LENGTH)
    repeated = fields.optional_text("password2", max_length=MAX_PASSWORD_LENGTH)
    for problem in accounts.problems(username, password):
        fields.reject(problem.field, problem.message)
    if repeated is not None and _composed(repeated) != _composed(password):
        fields.reject("password", MISMATCH)
    if fields.accepted("username") and await accounts.is_taken(username):
        fields.reject("username", TAKEN)
    fields.check()
    try:
        login = await logins.sign_up(session, username, password, CLIENT, source)
    except UsernameTaken as error:
        raise InvalidRequest.of("username", TAKEN) from error
    response.headers["Cache-Control"] = "no-store"
    return CheXRaySignedUp(response="Successfully Signed Up", username=login.account.username, token=login.opened.token)


@router.post("/login", openapi_extra=documented_body(CheXRayLogin))
async def log_in(request: Request, response: Response, *, logins: LoginsState, source: Source) -> CheXRayLoggedIn:
    """Open a session; the token lives for 30 days."""
    fields = Fields(await read_fields(request))
    username = fields.text("username", trim=True)
    password = fields.text("password", max_length=MAX_PASSWORD_LENGTH)
    fields.check()
    try:
        login = await logins.log_in(None, username, password, CLIENT, source)
    except WrongCredentials as error:
        raise InvalidRequest(error.detail, fields=[FieldError("", error.detail)]) from error
    response.headers["Cache-Control"] = "no-store"
    return CheXRayLoggedIn(userid=login.account.id, username=login.account.username, token=login.opened.token)


def _composed(password: str) -> str:
    return unicodedata.normalize("NFC", password)
