"""ImageHub's login: a code says how it went, the status is 200 whichever it is. What does not validate is 422, in the
shape of FastAPI (`lightbox_shared.errors.dialects.DetailList`), which its clients know."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from auth_service.accounts.errors import NoSuchAccount, WrongPassword
from auth_service.caller import SignedIn
from auth_service.logins.schemas import ImageHubHint, ImageHubLoggedIn, ImageHubLogin
from auth_service.logins.service import Logins
from auth_service.logins.typed import possible_password, possible_username, typed_text
from auth_service.request_source import RequestSource, Source
from auth_service.sessions.service import Client
from auth_service.state import LoginsState, SettingsState
from lightbox_shared.forms import Fields, documented_body, read_fields

LOGIN_PATH: Final = "/login"
AUTH_PATH: Final = "/auth"
CLIENT: Final = Client("imagehub", timedelta(hours=1))
NO_MATCH: Final = "username or password did not match"
UNKNOWN_USER, WRONG_PASSWORD, LOGGED_IN = 0, 1, 2

router = APIRouter(tags=["ImageHub"])

Answer = ImageHubLoggedIn | ImageHubHint


@router.get(LOGIN_PATH)
async def log_in_by_query(
    response: Response,
    username: str,
    password: str,
    *,
    logins: LoginsState,
    settings: SettingsState,
    source: Source,
) -> Answer:
    """As ImageHub's own client does. A password in an address lies about in histories: better send it by POST."""
    response.headers["Cache-Control"] = "no-store"
    return await _log_in(logins, username, password, source, hide_accounts=settings.hide_accounts)


@router.post(LOGIN_PATH, openapi_extra=documented_body(ImageHubLogin))
async def log_in(
    request: Request,
    response: Response,
    *,
    logins: LoginsState,
    settings: SettingsState,
    source: Source,
) -> Answer:
    """Open a session for an hour."""
    values = await read_fields(request, any_text=True)
    fields = Fields(values)
    username, password = typed_text(fields, "username", values), typed_text(fields, "password", values)
    fields.check()
    response.headers["Cache-Control"] = "no-store"
    return await _log_in(logins, username, password, source, hide_accounts=settings.hide_accounts)


@router.get(AUTH_PATH)
async def read_auth(_caller: SignedIn) -> ImageHubHint:
    """Whether the token is good."""
    return ImageHubHint(code=1, hint="valid_jwt_token")


async def _log_in(
    logins: Logins, username: str, password: str, source: RequestSource, *, hide_accounts: bool
) -> Answer:
    try:
        login = await logins.log_in(None, possible_username(username), possible_password(password), CLIENT, source)
    except NoSuchAccount:
        return ImageHubHint(code=UNKNOWN_USER, hint=NO_MATCH)
    except WrongPassword:
        return ImageHubHint(code=UNKNOWN_USER if hide_accounts else WRONG_PASSWORD, hint=NO_MATCH)
    return ImageHubLoggedIn(code=LOGGED_IN, token=login.opened.token)
