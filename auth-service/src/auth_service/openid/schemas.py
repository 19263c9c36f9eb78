"""The bodies of requests and responses of OpenID Connect."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from auth_service.accounts.models import Account
from auth_service.logins.credentials import TypedPassword, TypedUsername
from auth_service.oauth.clients import GrantType
from auth_service.oauth.schemas import METHODS, METHODS_WITH_SECRET
from auth_service.oauth_clients.scopes import EMAIL, OPENID, PROFILE, SCOPES
from auth_service.openid.request import PROMPTS
from auth_service.openid.service import ConsentedClient
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT

CLAIMS_OF_SCOPES: Final = {
    OPENID: ("sub",),
    PROFILE: ("name", "preferred_username", "nickname", "picture", "updated_at"),
    EMAIL: ("email",),
}
_CLAIMS: Final = ("iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid")


class SignInForm(BaseModel):
    """What somebody types on the page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "ada", "password": "correct-horse"}]})

    username: TypedUsername
    password: TypedPassword


class ConsentForm(BaseModel):
    """What somebody decides on the page."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_extra={"examples": [{"account": "3", "decision": "allow"}]}
    )

    account: str
    """The id of the account that the page was shown to."""
    decision: str
    """`allow`, or anything else."""


class UserInfo(BaseModel):
    """Who the account of a token is (OpenID Connect Core 1.0 section 5.3.2), as far as its scopes allow."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    sub: str
    """Identifies the account, and never changes."""
    name: str | None = None
    preferred_username: str | None = None
    nickname: str | None = None
    picture: str | None = None
    updated_at: int | None = None
    """Seconds since the epoch."""
    email: str | None = None

    @classmethod
    def of(cls, account: Account, scopes: list[str]) -> Self:
        """What these scopes allow of an account."""
        everything: dict[str, str | int | None] = {
            "sub": f"{ACCOUNT_SUBJECT}{account.id}",
            "name": account.nickname or account.username,
            "preferred_username": account.username,
            "nickname": account.nickname,
            "picture": account.photo,
            "updated_at": int(account.modified_at.timestamp()),
            "email": account.email,
        }
        allowed = {claim for scope in scopes for claim in CLAIMS_OF_SCOPES.get(scope, ())}
        return cls.model_validate({name: value for name, value in everything.items() if name in allowed})


class ConsentBody(BaseModel):
    """A client that the account has allowed something."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    client_id: str
    name: str
    """The client's name, as the page showed it."""
    scopes: list[str]
    created_at: datetime
    modified_at: datetime

    @classmethod
    def of(cls, consent: ConsentedClient) -> Self:
        """From what the service found."""
        return cls.model_validate(consent, from_attributes=True)


class ConsentList(BaseModel):
    """A page of consents."""

    consents: list[ConsentBody]
    next_cursor: str | None


class ServerMetadata(BaseModel):
    """The metadata of the server: RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3, RP-Initiated Logout 1.0
    section 2.1, RFC 9207 section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    end_session_endpoint: str
    jwks_uri: str
    revocation_endpoint: str
    introspection_endpoint: str
    scopes_supported: tuple[str, ...] = SCOPES
    response_types_supported: tuple[str, ...] = ("code",)
    response_modes_supported: tuple[str, ...] = ("query",)
    grant_types_supported: tuple[GrantType, ...] = tuple(GrantType)
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = METHODS
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = METHODS_WITH_SECRET
    subject_types_supported: tuple[str, ...] = ("public",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    claims_supported: tuple[str, ...] = (*_CLAIMS, *(name for each in CLAIMS_OF_SCOPES.values() for name in each))
    claims_parameter_supported: Literal[False] = False
    request_parameter_supported: Literal[False] = False
    request_uri_parameter_supported: Literal[False] = False
    authorization_response_iss_parameter_supported: Literal[True] = True
    prompt_values_supported: tuple[str, ...] = PROMPTS
    ui_locales_supported: Annotated[tuple[str, ...], Field(description="Of the pages.")] = ("en", "zh")
