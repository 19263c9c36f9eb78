"""Tokens on the wire."""

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from auth_service.oauth.clients import GrantType
from auth_service.oauth.service import Granted
from lightbox_shared.auth.principal import Scope
from lightbox_shared.forms import URLENCODED_TYPE

METHODS_WITH_SECRET: Final = ("client_secret_basic", "client_secret_post")
METHODS: Final = ("none", *METHODS_WITH_SECRET)


class TokenRequest(BaseModel):
    """RFC 6749: what each grant type needs."""

    grant_type: GrantType
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    refresh_token: SecretStr | None = None
    scope: str | None = None


class TokenReference(BaseModel):
    """RFC 7009 section 2.1 and RFC 7662 section 2.1; a hint changes nothing."""

    token: SecretStr
    token_type_hint: Literal["access_token", "refresh_token"] | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None


class TokenBody(BaseModel):
    """RFC 6749 section 5.1. Without a scope the token is for the whole account."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    scope: str | None = None

    @classmethod
    def of(cls, granted: Granted) -> Self:
        """What was granted."""
        return cls(
            access_token=granted.access_token,
            expires_in=granted.expires_in,
            refresh_token=granted.refresh_token,
            scope=granted.scope,
        )


class Introspection(BaseModel):
    """RFC 7662 section 2.2. Times are seconds since the epoch."""

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


class ServerMetadata(BaseModel):
    """RFC 8414 section 2."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    revocation_endpoint: str
    introspection_endpoint: str
    scopes_supported: tuple[Scope, ...] = tuple(Scope)
    response_types_supported: tuple[str, ...] = ()
    grant_types_supported: tuple[GrantType, ...] = tuple(GrantType)
    token_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = METHODS_WITH_SECRET


def documented_form(model: type[BaseModel]) -> dict[str, object]:
    """`openapi_extra` for an urlencoded body."""
    return {"requestBody": {"required": True, "content": {URLENCODED_TYPE: {"schema": model.model_json_schema()}}}}
