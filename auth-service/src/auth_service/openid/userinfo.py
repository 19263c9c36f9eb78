"""Who the account of a token is, and which clients it has allowed something."""

from fastapi import APIRouter, Request, Response
from jose import jwt

from auth_service.dependencies import SignedIn
from auth_service.oauth_clients.scopes import OPENID, scope_words
from auth_service.openid.schemas import ConsentBody, ConsentList, UserInfo
from auth_service.request_source import Source
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import bearer_token, needs
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InsufficientScope, NotFound
from lightbox_shared.openapi import errors
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import PageQuery

router = APIRouter(tags=["OAuth"])
consents_router = APIRouter(tags=["OAuth clients"], dependencies=[needs()])


@router.get(
    "/oauth/userinfo",
    summary="Who the account of a token is",
    response_model_exclude_none=True,
    responses=errors(InsufficientScope),
)
async def retrieve_userinfo(
    request: Request, response: Response, caller: SignedIn, session: Reading, services: ServicesDep
) -> UserInfo:
    """The claims about the account (OpenID Connect Core 1.0 section 5.3), for a token with the scope `openid`: with
    `profile` its name and picture, with `email` its address."""
    claims = jwt.get_unverified_claims(bearer_token(request.headers.get("authorization")) or "")  # verified before
    scopes = scope_words(claims.get("scope"))
    if OPENID not in scopes:
        raise InsufficientScope(OPENID)
    response.headers["Cache-Control"] = "no-store"
    return UserInfo.of(await services.account_authorization.see(session, caller, caller.id), scopes)


@router.post(
    "/oauth/userinfo",
    summary="Who the account of a token is",
    response_model_exclude_none=True,
    responses=errors(InsufficientScope),
)
async def retrieve_userinfo_by_post(
    request: Request, response: Response, caller: SignedIn, session: Reading, services: ServicesDep
) -> UserInfo:
    """The same by POST, which clients may use (OpenID Connect Core 1.0 section 5.3.1)."""
    return await retrieve_userinfo(request, response, caller, session, services)


@consents_router.get("/api/oauth/consents", summary="The clients that the account has allowed something")
async def list_consents(caller: SignedIn, session: Reading, services: ServicesDep, page: PageQuery) -> ConsentList:
    """The consents of the account, newest first."""
    found = await services.authorizations.consents(session, caller, page)
    return ConsentList(consents=[ConsentBody.of(each) for each in found.rows], next_cursor=found.next_cursor)


@consents_router.delete(
    "/api/oauth/consents/{consent_id}", status_code=204, summary="Take a consent back", responses=errors(NotFound)
)
async def revoke_consent(
    consent_id: RowId, *, caller: SignedIn, session: Writing, services: ServicesDep, source: Source
) -> Response:
    """Take a consent of the account back. The sessions that it has with this client end."""
    await services.authorizations.revoke_consent(session, caller, consent_id, source)
    return Response(status_code=204)
