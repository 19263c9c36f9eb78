"""Signing out from an application (OpenID Connect RP-Initiated Logout 1.0).

Whoever brings an ID token of the account that is signed in is its application, and is not asked. Others are: a link on
any page could lead here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.caller import Caller
from auth_service.dependencies import InBrowser
from auth_service.oauth.parameters import Form
from auth_service.oauth_clients import repository as oauth_clients
from auth_service.oauth_clients.redirect_uris import is_registered
from auth_service.openid import pages
from auth_service.openid.browser import (
    CLOSED,
    PAGE,
    REDIRECT,
    form_parameters,
    query_of,
    query_parameters,
    see_other,
    words_of,
)
from auth_service.openid.errors import Unanswerable
from auth_service.openid.hints import IdTokenHint
from auth_service.openid.pages import SIGN_OUT_PATH
from auth_service.openid.query import only, parameters, with_parameters
from auth_service.request_source import RequestSource, Source
from auth_service.session_cookie import set_session_cookie
from auth_service.state import Services, ServicesDep
from lightbox_shared.database import WriteSession, Writing

LOGOUT_PATH: Final = "/oauth/logout"

router = APIRouter(tags=["OAuth"])

_PARAMETERS: Final = query_parameters(
    {"client_id": "reading-room"},
    id_token_hint="The ID token of the person, also an expired one.",  # noqa: S106 - a description
    client_id="The client, where there is no id_token_hint.",
    post_logout_redirect_uri="Where to go on: one of those registered for the client.",
    state="Comes back with the redirect.",
    ui_locales="Languages of the pages, by blanks.",
)


@dataclass(frozen=True, slots=True)
class _SignOut:
    """A request to sign out, after its parameters have been checked."""

    hint: IdTokenHint | None
    redirect_uri: str | None
    """With the state; None for a page that says that one is signed out."""
    ui_locales: str

    async def end(
        self, session: WriteSession, services: Services, caller: Caller | None, source: RequestSource
    ) -> None:
        """End the session of the browser, and that of the application."""
        ended = [] if caller is None else [(caller.id, caller.session_id)]
        if self.hint is not None and (caller is None or caller.id == self.hint.account_id):
            ended.append((self.hint.account_id, self.hint.session_id))
        for account_id, session_id in ended:
            if await services.sessions.revoke_login(session, account_id, session_id):
                await record(session, Action.SESSION_ENDED, source, account_id=account_id, session_id=session_id)

    def response(self, request: Request, services: Services) -> Response:
        """The answer after that, which takes the cookie away."""
        words = words_of(request, self.ui_locales)
        response = pages.signed_out_page(words) if self.redirect_uri is None else see_other(self.redirect_uri)
        set_session_cookie(request, response, services.settings, "", 0)
        return response


@router.get(
    LOGOUT_PATH,
    summary="Sign out from an application",
    response_class=HTMLResponse,
    responses={**PAGE, **REDIRECT, **CLOSED},
    openapi_extra=_PARAMETERS,
)
async def logout(
    request: Request, *, caller: InBrowser, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """End the session of this browser and that of the ID token, and go on to the application. Without an ID token of
    the account that is signed in, a page asks first. An address that is not registered is left out."""
    query = query_of(request)
    asked = await _read(session, services, query)
    if asked is None:
        return pages.unanswerable_page(words_of(request), Unanswerable.MALFORMED)
    if caller is not None and (asked.hint is None or asked.hint.account_id != caller.id):
        return pages.sign_out_page(words_of(request, asked.ui_locales), query, redirect_uri=asked.redirect_uri)
    await asked.end(session, services, caller, source)
    return asked.response(request, services)


@router.post(
    LOGOUT_PATH,
    status_code=303,
    summary="Sign out from an application, by a form",
    response_class=Response,
    responses=REDIRECT,
    openapi_extra=form_parameters(_PARAMETERS),
)
async def logout_by_form(form: Form) -> Response:
    """The same with the parameters in a form, which is redirected to GET."""
    return see_other(f"{LOGOUT_PATH}?{form.query()}")


@router.post(
    SIGN_OUT_PATH,
    summary="Sign out on the page",
    response_class=HTMLResponse,
    responses={**PAGE, **REDIRECT, **CLOSED},
    openapi_extra=_PARAMETERS,
)
async def sign_out_on_page(
    request: Request, *, caller: InBrowser, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """End the session of this browser, and go on to the application."""
    asked = await _read(session, services, query_of(request))
    if asked is None:
        return pages.unanswerable_page(words_of(request), Unanswerable.MALFORMED)
    await asked.end(session, services, caller, source)
    return asked.response(request, services)


async def _read(session: WriteSession, services: Services, query: str) -> _SignOut | None:
    """The request in a query; None for one that can't be read."""
    try:
        values = parameters(query)
    except ValueError:
        return None
    if any(len(each) > 1 for each in values.values()):
        return None
    hint = services.hints.read(only(values, "id_token_hint") or "")
    return _SignOut(hint, await _redirect_uri(session, values, hint), only(values, "ui_locales") or "")


async def _redirect_uri(
    session: WriteSession, values: Mapping[str, Sequence[str]], hint: IdTokenHint | None
) -> str | None:
    """The address of the client with the state, if it is registered."""
    uri, named = only(values, "post_logout_redirect_uri"), only(values, "client_id")
    client_id = named if hint is None else hint.client_id
    if uri is None or client_id is None or named not in {None, client_id}:
        return None
    client = await oauth_clients.find_by_client_id(session, client_id)
    if client is None or not is_registered(uri, client.post_logout_redirect_uris):
        return None
    state = only(values, "state")
    return uri if state is None else with_parameters(uri, [("state", state)])
