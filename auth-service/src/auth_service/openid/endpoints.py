"""The authorization endpoint, and the forms of its pages.

The query of the request goes from page to page in the address of the forms, and is checked each time.
"""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from auth_service.dependencies import InBrowser
from auth_service.logins.errors import AwaitingApproval, WrongCredentials
from auth_service.oauth.parameters import Form, urlencoded
from auth_service.openid import pages
from auth_service.openid.browser import (
    CLOSED,
    PAGE,
    REDIRECT,
    form_parameters,
    query_of,
    query_parameters,
    refused_page,
    see_other,
    words_of,
)
from auth_service.openid.errors import AuthorizationError, UnanswerableRequest
from auth_service.openid.pages import AUTHORIZE_PATH, CONSENT_PATH, SIGN_IN_PATH, STATIC_PATH
from auth_service.openid.request import read_request, signed_in_query
from auth_service.openid.schemas import ConsentForm, SignInForm
from auth_service.openid.service import Needed, denied
from auth_service.request_source import Source
from auth_service.session_cookie import set_session_cookie
from auth_service.sessions.service import Client
from auth_service.state import ServicesDep
from lightbox_shared.database import Writing
from lightbox_shared.errors import NotFound, TooManyRequests, Unavailable
from lightbox_shared.openapi import errors

CLIENT: Final = Client("sign-in-page", timedelta(hours=12))

router = APIRouter(tags=["OAuth"])

_EXAMPLE: Final = {
    "response_type": "code",
    "client_id": "reading-room",
    "redirect_uri": "https://reading.example.org/callback",
    "scope": "openid profile",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # of RFC 7636, appendix B
    "code_challenge_method": "S256",
}
_PARAMETERS: Final = query_parameters(
    _EXAMPLE,
    response_type="`code`",
    client_id="A registered client.",
    redirect_uri="One of the client's, character by character; of an http URI of this machine the port may differ.",
    scope="By blanks; `openid` for an ID token.",
    state="Comes back with the answer.",
    code_challenge="The SHA-256 of the code_verifier, in base64url (RFC 7636).",
    code_challenge_method="`S256`",
    nonce="Comes back in the ID token.",
    prompt="`none`, or some of `login`, `consent` and `select_account`.",
    max_age="How many seconds ago the person may have signed in.",
    login_hint="The name to propose.",
    id_token_hint="An ID token of the person, also an expired one: no other person gets a code.",  # noqa: S106 - a sentence
    ui_locales="Languages of the pages, by blanks.",
)


@router.get(
    AUTHORIZE_PATH,
    summary="Ask for an authorization code",
    response_class=HTMLResponse,
    responses={**PAGE, **REDIRECT, **CLOSED},
    openapi_extra=_PARAMETERS,
)
async def authorize(request: Request, caller: InBrowser, session: Writing, services: ServicesDep) -> Response:
    """The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2), to which an application
    sends a browser. It answers with a page on which to sign in or to allow what is asked for, or goes on to the
    application's redirect URI with `code`, `state` and `iss`, or with `error`. PKCE with S256 is required."""
    query, words = query_of(request), words_of(request)
    try:
        asked = await read_request(session, query)
        words = words_of(request, asked.ui_locales)
        answer = await services.authorizations.answer(session, asked, caller)
    except UnanswerableRequest as error:
        return pages.unanswerable_page(words, error.reason)
    except AuthorizationError as error:
        return see_other(services.authorizations.refusal(error))
    if answer is Needed.SIGN_IN or caller is None:
        return pages.sign_in_page(words, asked, query)
    if answer is Needed.CONSENT:
        return pages.consent_page(words, asked, query, account_id=caller.id, username=caller.username)
    return see_other(answer)


@router.post(
    AUTHORIZE_PATH,
    status_code=303,
    summary="Ask for an authorization code, by a form",
    response_class=Response,
    responses=REDIRECT,
    openapi_extra=form_parameters(_PARAMETERS),
)
async def authorize_by_form(form: Form) -> Response:
    """The same with the parameters in a form. It is redirected to GET, with which browsers send the cookie."""
    return see_other(f"{AUTHORIZE_PATH}?{form.query()}")


@router.post(
    SIGN_IN_PATH,
    summary="Sign in on the page",
    response_class=Response,
    status_code=303,
    responses={
        **REDIRECT,
        **CLOSED,
        403: refused_page("The page again: the name or the password is wrong, or the account waits for approval."),
        429: refused_page("The page again: too many sign-ins have failed."),
        503: refused_page("The page again: too many people are signing in."),
    },
    openapi_extra=_PARAMETERS,
)
async def sign_in_on_page(
    request: Request, form: Annotated[SignInForm, urlencoded(SignInForm)], services: ServicesDep, source: Source
) -> Response:
    """Open a session of 12 hours in this browser, and go on with the authorization request that is in the query."""
    query, words = query_of(request), words_of(request)
    try:
        asked = await services.authorizations.read(query)
    except UnanswerableRequest as error:
        return pages.unanswerable_page(words, error.reason)
    except AuthorizationError as error:
        return see_other(services.authorizations.refusal(error))
    words = words_of(request, asked.ui_locales)
    try:
        login = await services.logins.log_in(form.username, form.password, CLIENT, source, approved_only=True)
    except WrongCredentials:
        return pages.sign_in_page(words, asked, query, message=words.wrong_password, status=403)
    except AwaitingApproval:
        return pages.sign_in_page(words, asked, query, message=words.awaiting_approval, status=403)
    except (TooManyRequests, Unavailable) as error:
        wait = error.headers.get("Retry-After", "1")
        too_many = isinstance(error, TooManyRequests)
        message = words.too_many_failures.format(wait) if too_many else words.busy
        page = pages.sign_in_page(words, asked, query, message=message, status=error.status)
        page.headers["Retry-After"] = wait
        return page
    response = see_other(f"{AUTHORIZE_PATH}?{signed_in_query(query)}")
    set_session_cookie(request, response, services.settings, login.issued.token, login.issued.expires_in)
    return response


@router.post(
    CONSENT_PATH,
    status_code=303,
    summary="Allow a client what it asks for, on the page",
    response_class=Response,
    responses={**REDIRECT, **CLOSED},
    openapi_extra=_PARAMETERS,
)
async def consent_on_page(
    request: Request,
    form: Annotated[ConsentForm, urlencoded(ConsentForm)],
    *,
    caller: InBrowser,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> Response:
    """Go on to the client with a code, or with `access_denied`. The consent is remembered."""
    query = query_of(request)
    again = see_other(f"{AUTHORIZE_PATH}?{query}")
    if caller is None or form.account != str(caller.id):  # signed out, or somebody else has signed in meanwhile
        return again
    try:
        asked = await read_request(session, query)
        if form.decision != "allow":
            raise denied(asked)
        answer = await services.authorizations.allow(session, asked, caller, source)
    except UnanswerableRequest as error:
        return pages.unanswerable_page(words_of(request), error.reason)
    except AuthorizationError as error:
        return see_other(services.authorizations.refusal(error))
    return again if isinstance(answer, Needed) else see_other(answer)


@router.get(
    f"{STATIC_PATH}/{{name}}",
    summary="A style or a script of the pages",
    response_class=Response,
    responses={
        200: {"content": {kind: {"schema": {"type": "string"}} for kind in pages.STATIC_TYPES}},
        **errors(NotFound),
    },
)
async def retrieve_page_file(name: str) -> Response:
    """What the pages load."""
    file = pages.static_file(name)
    if file is None:
        raise NotFound
    return file
