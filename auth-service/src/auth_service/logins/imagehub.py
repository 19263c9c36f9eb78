"""ImageHub's login. A code tells the outcome, and the status is 200 for each of them. A request that is not valid is
422, in the shape of FastAPI (`lightbox_shared.errors.dialects.DetailList`), which the clients know."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from auth_service.dependencies import SignedIn
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.logins.credentials import TypedPassword, TypedUsername
from auth_service.logins.errors import NoSuchAccount, WrongPassword
from auth_service.logins.schemas import ImageHubHint, ImageHubLoggedIn, ImageHubLogIn
from auth_service.request_source import RequestSource, Source
from auth_service.sessions.service import Client
from auth_service.state import Services, ServicesDep
from lightbox_shared.openapi import errors
from lightbox_shared.requests.bodies import form_or_json

CLIENT: Final = Client("imagehub", timedelta(hours=1))
NO_MATCH: Final = "username or password did not match"
UNKNOWN_USER, WRONG_USER_PASSWORD, LOGGED_IN = 0, 1, 2

router = APIRouter(tags=["ImageHub"])

Outcome = ImageHubLoggedIn | ImageHubHint


@router.get("/login", summary="Log in, by query parameters", deprecated=True, responses=errors(TooManyFailures))
async def imagehub_log_in_by_query(
    response: Response,
    *,
    username: Annotated[TypedUsername, Query()],
    password: Annotated[TypedPassword, Query()],
    services: ServicesDep,
    source: Source,
) -> Outcome:
    """Open a session for an hour, as ImageHub's published client does. Addresses are kept in histories, passwords in
    them too: POST is the better way."""
    response.headers["Cache-Control"] = "no-store"
    return await _log_in(services, username, password, source)


@router.post("/login", summary="Log in", responses=errors(TooManyFailures))
async def imagehub_log_in(
    response: Response,
    body: Annotated[ImageHubLogIn, form_or_json(ImageHubLogIn, any_text=True)],
    services: ServicesDep,
    source: Source,
) -> Outcome:
    """Open a session for an hour."""
    response.headers["Cache-Control"] = "no-store"
    return await _log_in(services, body.username, body.password, source)


@router.get("/auth", summary="Check a token")
async def imagehub_check_token(_caller: SignedIn) -> ImageHubHint:
    """Whether the token is good: the answer is 200 or 401."""
    return ImageHubHint(code=1, hint="valid_jwt_token")


async def _log_in(services: Services, username: str, password: str, source: RequestSource) -> Outcome:
    try:
        login = await services.logins.log_in(username, password, CLIENT, source)
    except NoSuchAccount:
        return ImageHubHint(code=UNKNOWN_USER, hint=NO_MATCH)
    except WrongPassword:
        return ImageHubHint(
            code=UNKNOWN_USER if services.settings.hide_accounts else WRONG_USER_PASSWORD, hint=NO_MATCH
        )
    return ImageHubLoggedIn(code=LOGGED_IN, token=login.issued.token)
