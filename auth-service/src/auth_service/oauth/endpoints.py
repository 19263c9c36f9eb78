"""The OAuth endpoints. Failures are in the shape of RFC 6749 section 5.2 (`dialect`)."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from auth_service.oauth.clients import GrantType, OAuthClient
from auth_service.oauth.dialect import NOT_STORED
from auth_service.oauth.errors import InvalidClient, UnauthorizedClient, UnsupportedGrantType
from auth_service.oauth.parameters import Form, Parameters
from auth_service.oauth.schemas import (
    Introspection,
    ServerMetadata,
    TokenBody,
    TokenReference,
    TokenRequest,
    documented_form,
)
from auth_service.request_source import Source
from auth_service.state import ClientsState, GivenTokensState, GrantsState
from lightbox_shared.config import Settings
from lightbox_shared.database import Reading, Writing
from lightbox_shared.http import JWKS_PATH, TOKEN_PATH
from lightbox_shared.urls import public_base

PREFIX: Final = "/oauth"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"


async def _not_stored(response: Response) -> None:
    response.headers.update(NOT_STORED)


router = APIRouter(tags=["OAuth"])


async def _client(request: Request, form: Form, clients: ClientsState) -> OAuthClient:
    return clients.authenticate(request.headers.get("authorization"), form)


async def _service(client: Annotated[OAuthClient, Depends(_client)]) -> OAuthClient:
    if not client.confidential:
        raise InvalidClient
    return client


AnyClient = Annotated[OAuthClient, Depends(_client)]
ServiceClient = Annotated[OAuthClient, Depends(_service)]


@router.post(
    TOKEN_PATH,
    dependencies=[Depends(_not_stored)],
    response_model_exclude_none=True,
    openapi_extra=documented_form(TokenRequest),
)
async def issue_token(
    *, client: AnyClient, form: Form, session: Writing, grants: GrantsState, source: Source
) -> TokenBody:
    """A token for a password, a refresh token, or a service's own credentials (RFC 6749).

    `client_id` is `lightbox` unless the installation names others (LIGHTBOX_OAUTH_CLIENTS). Without `scope` the token
    is for all that the account may; with some of `predict`, `collect`, `annotate`, `hub` and `read` for these alone. A
    refresh token is used once: the answer has the next one, and so has a repetition within 15 seconds.
    """
    scope = form.get("scope")
    match _grant_type(client, form):
        case GrantType.PASSWORD:
            username, password = form.need("username"), form.need("password")
            granted = await grants.by_password(
                session, client, username=username, password=password, scope=scope, source=source
            )
        case GrantType.REFRESH_TOKEN:
            granted = await grants.by_refresh_token(client, form.need("refresh_token"), scope, source)
        case _:
            granted = grants.for_service(client, scope)
    return TokenBody.of(granted)


@router.post(f"{PREFIX}/revoke", openapi_extra=documented_form(TokenReference))
async def revoke_token(
    *, client: AnyClient, form: Form, session: Writing, given: GivenTokensState, source: Source
) -> Response:
    """End the session of a token (RFC 7009); 200 also for what is no token."""
    await given.revoke(session, client, form.need("token"), source)
    return Response(headers=NOT_STORED)


@router.post(
    f"{PREFIX}/introspect",
    dependencies=[Depends(_not_stored)],
    response_model_exclude_none=True,
    openapi_extra=documented_form(TokenReference),
)
async def introspect_token(
    _client: ServiceClient, form: Form, session: Reading, given: GivenTokensState
) -> Introspection:
    """What a token is good for (RFC 7662), for services alone."""
    return await given.introspect(session, form.need("token"))


@router.get(METADATA_PATH)
async def read_metadata(request: Request) -> ServerMetadata:
    """Where everything is, and what it can do (RFC 8414)."""
    settings: Settings = request.state.settings
    base = public_base(request, settings.public_url)
    return ServerMetadata(
        issuer=settings.issuer,
        token_endpoint=base + TOKEN_PATH,
        jwks_uri=base + JWKS_PATH,
        revocation_endpoint=f"{base}{PREFIX}/revoke",
        introspection_endpoint=f"{base}{PREFIX}/introspect",
    )


def _grant_type(client: OAuthClient, form: Parameters) -> GrantType:
    name = form.need("grant_type")
    if name not in set(GrantType):
        raise UnsupportedGrantType
    grant_type = GrantType(name)
    if grant_type not in client.grants:
        raise UnauthorizedClient
    return grant_type
