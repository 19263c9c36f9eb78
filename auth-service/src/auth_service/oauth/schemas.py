"""The bodies of requests and responses at the OAuth endpoints."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from auth_service.oauth.clients import GrantType
from auth_service.oauth.service import Granted

METHODS_WITH_SECRET: Final = ("client_secret_basic", "client_secret_post")
METHODS: Final = ("none", *METHODS_WITH_SECRET)

OptionalText = Annotated[str | SkipJsonSchema[None], Field(default_factory=lambda: None, repr=False)]
"""A parameter that may be absent. A form has no null, so the schema has none either."""
Secret = Annotated[str, Field(repr=False, json_schema_extra={"format": "password"})]


class ClientParameters(BaseModel):
    """The client, where it is not authenticated by HTTP Basic (RFC 6749 section 2.3.1)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    client_id: OptionalText
    """`lightbox`, unless the installation names others (LIGHTBOX_OAUTH_CLIENTS)."""
    client_secret: OptionalText
    """Of a service."""


class ScopedGrant(ClientParameters):
    """A request for a token that can be limited to a scope."""

    scope: OptionalText
    """Some of `predict`, `collect`, `annotate`, `hub` and `read`, separated by blanks; by default the token is for
    everything that the account may do."""


class PasswordGrant(ScopedGrant):
    """A request for a token with a name and a password (RFC 6749 section 4.3.2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"grant_type": "password", "client_id": "lightbox", "username": "ada", "password": "correct-horse"}
            ]
        }
    )

    grant_type: Literal[GrantType.PASSWORD]
    username: str
    password: Secret


class AuthorizationCodeGrant(ClientParameters):
    """A request for a token with an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "grant_type": "authorization_code",
                    "client_id": "reading-room",
                    "code": "...",
                    "redirect_uri": "https://reading.example.org/callback",
                    "code_verifier": "...",
                }
            ]
        }
    )

    grant_type: Literal[GrantType.AUTHORIZATION_CODE]
    code: Secret
    redirect_uri: str
    """The same as in the authorization request."""
    code_verifier: Secret
    """The text of which the authorization request had the SHA-256."""


class RefreshTokenGrant(ScopedGrant):
    """A request for a token with a refresh token (RFC 6749 section 6)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"grant_type": "refresh_token", "client_id": "lightbox", "refresh_token": "lbr_..."}]
        }
    )

    grant_type: Literal[GrantType.REFRESH_TOKEN]
    refresh_token: Secret


class ClientCredentialsGrant(ClientParameters):
    """A request of a service for a token (RFC 6749 section 4.4.2)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"grant_type": "client_credentials", "client_id": "gateway", "client_secret": "..."}]
        }
    )

    grant_type: Literal[GrantType.CLIENT_CREDENTIALS]
    scope: OptionalText
    """Refused: the token of a service has no scope."""


Grant = AuthorizationCodeGrant | PasswordGrant | RefreshTokenGrant | ClientCredentialsGrant

GRANTS: Final[dict[GrantType, type[Grant]]] = {
    GrantType.AUTHORIZATION_CODE: AuthorizationCodeGrant,
    GrantType.PASSWORD: PasswordGrant,
    GrantType.REFRESH_TOKEN: RefreshTokenGrant,
    GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant,
}


class TokenReference(ClientParameters):
    """A token that a request is about."""

    token: Secret
    token_type_hint: OptionalText
    """`access_token` or `refresh_token`. The token is recognised without it."""


class RevocationRequest(TokenReference):
    """A token to revoke (RFC 7009 section 2.1)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "lbr_...", "client_id": "lightbox"}]})


class IntrospectionRequest(TokenReference):
    """A token to look at (RFC 7662 section 2.1)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "lbr_...", "client_id": "gateway", "client_secret": "..."}]}
    )


class TokenBody(BaseModel):
    """The tokens that were issued (RFC 6749 section 5.1)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    """Absent for a service."""
    scope: str | None = None
    """Absent if the token is for everything that the account may do."""
    id_token: str | None = None
    """Who has signed in (OpenID Connect), for a code that was asked for with the scope `openid`."""

    @classmethod
    def of(cls, granted: Granted) -> Self:
        """From a grant."""
        return cls(
            access_token=granted.access_token,
            expires_in=granted.expires_in,
            refresh_token=granted.refresh_token,
            scope=granted.scope,
            id_token=granted.id_token,
        )


class Introspection(BaseModel):
    """The claims of a token (RFC 7662 section 2.2). Times are seconds since the epoch. A token that is not active has
    no other member."""

    model_config = ConfigDict(extra="ignore")

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: Literal["Bearer", "refresh_token"] | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None


INACTIVE: Final = Introspection(active=False)
