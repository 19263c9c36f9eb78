"""TheYelda's authorization: a session for a name and a password, which come in the body or as HTTP Basic. Its token is
in the answer and in a cookie. The shape of errors is `accounts.errors.YELDA`."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from auth_service.accounts.schemas import account_path
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.dependencies import SignedIn
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.logins.credentials import basic_credentials
from auth_service.logins.errors import AwaitingApproval, NoSuchAccount, WrongPassword
from auth_service.logins.schemas import YeldaAuthorization, YeldaEndedAuthorization, YeldaLogIn
from auth_service.logins.service import Login
from auth_service.request_source import Source
from auth_service.session_cookie import set_session_cookie
from auth_service.sessions.service import Client
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.database import Writing
from lightbox_shared.errors import NotAuthenticated
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import Schema, form_or_json
from lightbox_shared.responses.hal import hal_content, hal_response, self_link
from lightbox_shared.second_prefix import Prefix, deleted, deletion

CLIENT: Final = Client("yelda", timedelta(hours=12))

_BODY: Final[Any] = form_or_json(YeldaLogIn, any_text=True).dependency

router = APIRouter()
"""The resources that are the same at the root and under `/api` (`lightbox_shared.second_prefix`)."""


class UnknownUser(NotAuthenticated):
    """There is no account of this name."""

    code = "unknown-user"
    verbatim = True
    default_detail = "用户不存在"


class WrongUserPassword(NotAuthenticated):
    """The password is wrong; with the setting `hide_accounts`, the name may be wrong as well."""

    code = "wrong-password"
    verbatim = True
    default_detail = "密码错误"


class NotApproved(NotAuthenticated):
    """The password is right, and the account waits for approval."""

    code = "not-approved"
    verbatim = True
    default_detail = "用户审核未通过"


@dataclass(frozen=True, slots=True)
class _BasicOrBody:
    """Reads HTTP Basic, or the body if that is absent (`lightbox_shared.requests.bodies.DescribedBody`)."""

    async def __call__(self, request: Request) -> YeldaLogIn:
        basic = basic_credentials(request.headers.get("authorization"))
        if basic is not None:
            return YeldaLogIn(username=basic[0], password=basic[1])
        body: YeldaLogIn = await _BODY(request)
        return body

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """The description of the body, which is not required."""
        described: Schema = _BODY.request_body(components)
        return {
            **described,
            "required": False,
            "description": "Not needed with HTTP Basic, which is used if both come.",
        }


@router.post(
    "/authorization",
    status_code=201,
    summary="Sign in",
    response_model=YeldaAuthorization,
    responses={
        201: {**hal_content(YeldaAuthorization), **headers(Set_Cookie="The session cookie, which is HttpOnly.")},
        **errors(UnknownUser, WrongUserPassword, NotApproved, TooManyFailures),
    },
)
async def yelda_authorize(
    request: Request,
    credentials: Annotated[YeldaLogIn, Depends(_BasicOrBody())],
    services: ServicesDep,
    source: Source,
    prefix: Prefix,
) -> Response:
    """Open a session for 12 hours. Accounts that wait for approval are refused."""
    try:
        login = await services.logins.log_in(
            credentials.username, credentials.password, CLIENT, source, approved_only=True
        )
    except NoSuchAccount as error:
        raise (WrongUserPassword if services.settings.hide_accounts else UnknownUser) from error
    except WrongPassword as error:
        raise WrongUserPassword from error
    except AwaitingApproval as error:
        raise NotApproved from error
    response = hal_response(request, _authorization(login, prefix), status=201, headers={"Cache-Control": "no-store"})
    set_session_cookie(request, response, services.settings, login.issued.token, login.issued.expires_in)
    return response


@router.delete(
    "/authorization",
    status_code=204,
    summary="Sign out",
    dependencies=[needs()],
    responses=deletion(YeldaEndedAuthorization, **headers(Set_Cookie="Takes the session cookie away.")),
)
async def yelda_end_authorization(
    request: Request, *, caller: SignedIn, session: Writing, services: ServicesDep, source: Source, prefix: Prefix
) -> Response:
    """End the session of the token or the cookie."""
    if await services.sessions.revoke(session, caller.id, caller.session_id):
        await record(session, Action.SESSION_ENDED, source, account_id=caller.id, session_id=caller.session_id)
    ended = YeldaEndedAuthorization(message="登出成功", _links=self_link(f"{prefix}/authorization"))
    response = deleted(request, prefix, ended)
    set_session_cookie(request, response, services.settings, "", 0)
    return response


def _authorization(login: Login, prefix: str) -> YeldaAuthorization:
    account = login.account
    return YeldaAuthorization(
        message="登录成功",
        account_id=account.id,
        authority=account.authority,
        access_token=login.issued.token,
        expires_in=login.issued.expires_in,
        _links=self_link(f"{prefix}/authorization", account=account_path(account.id, prefix)),
    )
