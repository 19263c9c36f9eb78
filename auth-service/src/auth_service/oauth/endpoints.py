"""The OAuth endpoints. The shape of errors is that of RFC 6749 section 5.2 (`dialect`)."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from auth_service.authorization_codes.service import Exchange
from auth_service.login_throttling.errors import TooManyFailures
from auth_service.oauth.clients import FIRST_PARTY, GrantType, OAuthClient
from auth_service.oauth.dialect import NOT_STORED
from auth_service.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from auth_service.oauth.parameters import Form, urlencoded, urlencoded_body
from auth_service.oauth.schemas import (
    GRANTS,
    INACTIVE,
    AuthorizationCodeGrant,
    Grant,
    Introspection,
    IntrospectionRequest,
    PasswordGrant,
    RefreshTokenGrant,
    RevocationRequest,
    TokenBody,
)
from auth_service.request_source import Source
from auth_service.state import ServicesDep
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors
from lightbox_shared.requests.bodies import REF_TEMPLATE, Schema, model_reference


async def _not_stored(response: Response) -> None:
    response.headers.update(NOT_STORED)


router = APIRouter(tags=["OAuth"])


async def _client(request: Request, form: Form, services: ServicesDep) -> OAuthClient:
    return await services.clients.authenticate(request.headers.get("authorization"), form)


async def _grantee(request: Request, form: Form, services: ServicesDep) -> OAuthClient:
    default = FIRST_PARTY if form.get("grant_type") not in _NAMES_CLIENT else None
    return await services.clients.authenticate(request.headers.get("authorization"), form, default=default)


async def _authenticated(client: Annotated[OAuthClient, Depends(_client)]) -> OAuthClient:
    if not client.authenticated:
        raise InvalidClient
    return client


_NAMES_CLIENT: Final = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS})

AnyClient = Annotated[OAuthClient, Depends(_client)]
Grantee = Annotated[OAuthClient, Depends(_grantee)]
AuthenticatedClient = Annotated[OAuthClient, Depends(_authenticated)]


@dataclass(frozen=True, slots=True)
class _RequestedGrant:
    """Reads and describes the grant that a client asks for (`lightbox_shared.requests.bodies.DescribedBody`)."""

    async def __call__(self, client: Grantee, form: Form) -> Grant:
        name = form.need("grant_type")
        if name not in set(GrantType):
            raise UnsupportedGrantType
        grant_type = GrantType(name)
        if grant_type not in client.grants:
            raise UnauthorizedClient
        return form.validated(GRANTS[grant_type])

    def request_body(self, components: dict[str, Schema]) -> Schema:
        """A form with one of several schemas, as its grant type says."""
        references = [model_reference(model, components) for model in GRANTS.values()]
        mapping = {name.value: REF_TEMPLATE.format(model=model.__name__) for name, model in GRANTS.items()}
        return urlencoded_body(
            {"oneOf": references, "discriminator": {"propertyName": "grant_type", "mapping": mapping}}
        )


@router.post(
    "/oauth/token",
    summary="A token for a code, a refresh token, a password or a service",
    dependencies=[Depends(_not_stored)],
    response_model_exclude_none=True,
    responses=errors(
        InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType, TooManyFailures
    ),
)
async def issue_token(
    client: Grantee, grant: Annotated[Grant, Depends(_RequestedGrant())], services: ServicesDep, source: Source
) -> TokenBody:
    """The token endpoint (RFC 6749).

    An access token lives for 15 minutes. A refresh token gets the next one, and is used once: the answer has the next
    refresh token, and a repetition of the request within 15 seconds is answered with the same one.

    With a password `client_id` is `lightbox`, also where it is left out, unless the installation names others
    (LIGHTBOX_OAUTH_CLIENTS). A code is for the client that asked for it at `/oauth/authorize`.
    Without `scope` the token is for all that the account may do; with some of `predict`, `collect`, `annotate`, `hub`
    and `read`, for these alone.
    """
    match grant:
        case AuthorizationCodeGrant():
            exchange = Exchange(client.client_id, grant.code, grant.redirect_uri, grant.code_verifier)
            granted = await services.grants.by_code(exchange, source)
        case PasswordGrant():
            granted = await services.grants.by_password(
                client, username=grant.username, password=grant.password, scope=grant.scope, source=source
            )
        case RefreshTokenGrant():
            granted = await services.grants.by_refresh_token(client, grant.refresh_token, grant.scope, source)
        case _:
            granted = services.grants.for_service(client, grant.scope)
    return TokenBody.of(granted)


@router.post(
    "/oauth/revoke",
    summary="Revoke a token",
    response_class=Response,
    responses=errors(InvalidClient, InvalidGrant, UnsupportedTokenType),
)
async def revoke_token(
    client: AnyClient,
    sent: Annotated[RevocationRequest, urlencoded(RevocationRequest)],
    *,
    session: Writing,
    services: ServicesDep,
    source: Source,
) -> Response:
    """End the session of a token (RFC 7009). The answer is 200 also for a text that is not a token."""
    await services.issued_tokens.revoke(session, client, sent.token, source)
    return Response(headers=NOT_STORED)


@router.post(
    "/oauth/introspect",
    summary="Look at a token",
    dependencies=[Depends(_not_stored)],
    response_model_exclude_none=True,
    responses=errors(InvalidClient),
)
async def introspect_token(
    client: AuthenticatedClient,
    sent: Annotated[IntrospectionRequest, urlencoded(IntrospectionRequest)],
    session: Reading,
    services: ServicesDep,
) -> Introspection:
    """Whether a token is active, and its claims (RFC 7662). For services only: to any other client that has a secret no
    token is active (section 2.2)."""
    if not client.is_service:
        return INACTIVE
    return await services.issued_tokens.introspect(session, sent.token)
