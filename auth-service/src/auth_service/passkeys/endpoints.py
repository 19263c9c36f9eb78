"""Passkeys: an account's own ones, and signing in with one."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from auth_service.dependencies import SignedIn
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.passkeys.errors import (
    LastWayToSignIn,
    NoPasskeysHere,
    PasskeyAwaitsApproval,
    PasskeyKnown,
    SignInTooOld,
    TooManyPasskeys,
    UnusablePasskey,
    WrongPasskey,
)
from auth_service.passkeys.relying_party import RelyingParty, relying_party
from auth_service.passkeys.schemas import (
    NewPasskey,
    PasskeyAnswer,
    PasskeyBody,
    PasskeyChanges,
    PasskeyList,
    PasskeyOptions,
    PasskeySession,
)
from auth_service.request_source import Source
from auth_service.session_cookie import set_session_cookie
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import PageQuery
from lightbox_shared.responses.urls import public_base

router = APIRouter(tags=["Passkeys"], dependencies=[needs()])
sign_in_router = APIRouter(tags=["Passkeys"])

NOT_STORED: Final = {"Cache-Control": "no-store"}


async def _relying_party(request: Request, services: ServicesDep) -> RelyingParty:
    return relying_party(public_base(request, services.settings.public_url))


ThisParty = Annotated[RelyingParty, Depends(_relying_party)]


@router.post(
    "/api/passkeys/options",
    summary="The options for a new passkey",
    responses=errors(SignInTooOld, TooManyPasskeys, NoPasskeysHere),
)
async def create_passkey_options(
    response: Response, *, caller: SignedIn, session: Writing, services: ServicesDep, party: ThisParty
) -> PasskeyOptions:
    """What a browser needs to make a passkey, within five minutes. The account must have signed in within the last ten
    minutes."""
    response.headers.update(NOT_STORED)
    return PasskeyOptions(publicKey=await services.passkeys.registration_options(session, caller, party))


@router.post(
    "/api/passkeys",
    status_code=201,
    summary="Add a passkey",
    responses={
        201: headers(Location="The path of the passkey."),
        **errors(SignInTooOld, UnusablePasskey, PasskeyKnown, TooManyPasskeys, NoPasskeysHere),
    },
)
async def create_passkey(
    body: NewPasskey,
    response: Response,
    *,
    caller: SignedIn,
    session: Writing,
    services: ServicesDep,
    party: ThisParty,
    source: Source,
) -> PasskeyBody:
    """Register what the browser has made of the options."""
    made = await services.passkeys.register(session, caller, party, body, source)
    response.headers["Location"] = f"/api/passkeys/{made.id}"
    return PasskeyBody.of(made)


@router.get("/api/passkeys", summary="The passkeys of the account")
async def list_passkeys(caller: SignedIn, session: Reading, services: ServicesDep, page: PageQuery) -> PasskeyList:
    """The passkeys, newest first."""
    found = await services.passkeys.listed(session, caller, page)
    return PasskeyList(passkeys=[PasskeyBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.patch("/api/passkeys/{passkey_id:int}", summary="Rename a passkey", responses=errors(NotFound))
async def update_passkey(
    passkey_id: RowId,
    body: PasskeyChanges,
    *,
    caller: SignedIn,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> PasskeyBody:
    """Give one of the account's passkeys another name."""
    return PasskeyBody.of(await services.passkeys.rename(session, caller, passkey_id, body.name, source))


@router.delete(
    "/api/passkeys/{passkey_id:int}",
    status_code=204,
    summary="Delete a passkey",
    responses=errors(NotFound, LastWayToSignIn),
)
async def delete_passkey(
    passkey_id: RowId, *, caller: SignedIn, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """Delete one of the account's passkeys. Sessions that it has opened go on."""
    await services.passkeys.delete(session, caller, passkey_id, source)
    return Response(status_code=204)


@sign_in_router.post(
    "/api/passkeys/sign-in/options", summary="The options for a sign-in", responses=errors(NoPasskeysHere)
)
async def sign_in_options(
    response: Response, session: Writing, services: ServicesDep, party: ThisParty
) -> PasskeyOptions:
    """What a browser needs to sign in with a passkey, within five minutes. No name is needed."""
    response.headers.update(NOT_STORED)
    return PasskeyOptions(publicKey=await services.passkeys.sign_in_options(session, party))


@sign_in_router.post(
    "/api/passkeys/sign-in",
    summary="Sign in with a passkey",
    responses={
        200: headers(Set_Cookie="The session cookie, which is HttpOnly."),
        **errors(WrongPasskey, PasskeyAwaitsApproval, TooManyFailures, NoPasskeysHere),
    },
)
async def sign_in_with_passkey(
    request: Request,
    body: PasskeyAnswer,
    response: Response,
    *,
    services: ServicesDep,
    party: ThisParty,
    source: Source,
) -> PasskeySession:
    """Open a session of 12 hours: its token is in the answer and in the session cookie."""
    login = await services.passkeys.sign_in(party, body.credential, source)
    response.headers.update(NOT_STORED)
    issued = login.issued
    set_session_cookie(request, response, services.settings, issued.token, issued.expires_in)
    return PasskeySession(
        account_id=login.account.id,
        authority=Authority(login.account.authority),
        access_token=issued.token,
        expires_in=issued.expires_in,
    )
