"""TheYelda's authorization: a session for a name and a password, given as JSON or as HTTP Basic, as a token and as a
cookie. Errors are as in `accounts.yelda`."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from auth_service.accounts.errors import AwaitingApproval, NoSuchAccount, WrongPassword
from auth_service.accounts.schemas import account_path
from auth_service.audit.trail import Action, record
from auth_service.caller import SignedIn
from auth_service.config import AuthSettings
from auth_service.logins.schemas import YeldaAuthorization, YeldaLogin
from auth_service.logins.service import Login
from auth_service.logins.typed import basic_credentials, possible_password, possible_username, typed_text
from auth_service.request_source import Source
from auth_service.sessions.service import Client
from auth_service.state import LoginsState, SessionsState, SettingsState
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.database import Writing
from lightbox_shared.errors import NotAuthenticated
from lightbox_shared.forms import Fields, documented_body, read_fields
from lightbox_shared.hal import hal_response, self_link
from lightbox_shared.urls import public_base

PATH: Final = "/authorization"
CLIENT: Final = Client("yelda", timedelta(hours=12))
THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})

router = APIRouter(tags=["TheYelda"])


class UnknownUser(NotAuthenticated):
    """Nobody has this name."""

    code = "unknown-user"
    verbatim = True
    default_detail = "用户不存在"


class WrongUserPassword(NotAuthenticated):
    """The password is another; or, where accounts are hidden, that or nobody has the name."""

    code = "wrong-password"
    verbatim = True
    default_detail = "密码错误"


class NotApproved(NotAuthenticated):
    """The password is right, and the account waits for approval."""

    code = "not-approved"
    verbatim = True
    default_detail = "用户审核未通过"


@router.post(PATH, response_model=YeldaAuthorization, status_code=201, openapi_extra=documented_body(YeldaLogin))
async def authorize(request: Request, *, logins: LoginsState, settings: SettingsState, source: Source) -> Response:
    """Open a session for 12 hours."""
    username, password = await _credentials(request)
    try:
        login = await logins.log_in(None, username, password, CLIENT, source, approved_only=True)
    except NoSuchAccount as error:
        raise (WrongUserPassword if settings.hide_accounts else UnknownUser) from error
    except WrongPassword as error:
        raise WrongUserPassword from error
    except AwaitingApproval as error:
        raise NotApproved from error
    response = hal_response(request, _authorization(login), status=201, headers={"Cache-Control": "no-store"})
    _set_cookie(request, response, settings, login.opened.token, login.opened.expires_in)
    return response


@router.delete(PATH, status_code=204, dependencies=[needs()])
async def end_authorization(
    request: Request,
    *,
    caller: SignedIn,
    session: Writing,
    sessions: SessionsState,
    settings: SettingsState,
    source: Source,
) -> Response:
    """End the session of the token or the cookie that comes with the request."""
    ended = caller.principal.session_id
    if ended is not None and await sessions.revoke(session, caller.id, ended):
        await record(session, Action.SESSION_ENDED, source, account_id=caller.id, session_id=ended)
    response = Response(status_code=204)
    _set_cookie(request, response, settings, "", 0)
    return response


async def _credentials(request: Request) -> tuple[str, str]:
    """Whatever was typed, as a name and a password that can be looked up."""
    given = basic_credentials(request.headers.get("authorization"))
    if given is None:
        values = await read_fields(request, any_text=True)
        fields = Fields(values)
        given = typed_text(fields, "username", values), typed_text(fields, "password", values)
        fields.check()
    return possible_username(given[0]), possible_password(given[1])


def _authorization(login: Login) -> YeldaAuthorization:
    account = login.account
    return YeldaAuthorization(
        message="登录成功",
        account_id=account.id,
        authority=account.authority,
        access_token=login.opened.token,
        expires_in=login.opened.expires_in,
        _links=self_link(PATH, account=account_path(account.id)),
    )


def _set_cookie(request: Request, response: Response, settings: AuthSettings, token: str, seconds: int) -> None:
    """RFC 6265. Browsers keep no secure cookie of a server that they reach without TLS, but for this machine's."""
    host = urlsplit(public_base(request, settings.public_url)).hostname
    response.set_cookie(
        settings.session_cookie,
        token,
        max_age=seconds,
        path="/",
        secure=host not in THIS_MACHINE,
        httponly=True,
        samesite="lax",
    )
