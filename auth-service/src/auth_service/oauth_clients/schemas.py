"""The bodies of requests and responses about OAuth clients."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from auth_service.names import PrintableName
from auth_service.oauth_clients.models import RegisteredClient
from auth_service.oauth_clients.redirect_uris import MAX_URI_LENGTH, origin_problem
from auth_service.oauth_clients.scopes import SCOPES

MAX_LIST: Final = 50

ScopeWord = Literal["openid", "profile", "email", "predict", "collect", "annotate", "hub", "read", "account"]


def _origin(text: str) -> str:
    problem = origin_problem(text)
    if problem is not None:
        raise ValueError(problem)
    return text


ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,64}$")]
Uri = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URI_LENGTH)]
Uris = Annotated[list[Uri], Field(max_length=MAX_LIST)]
Origins = Annotated[
    list[Annotated[str, StringConstraints(max_length=300), AfterValidator(_origin)]], Field(max_length=MAX_LIST)
]
Scopes = Annotated[list[ScopeWord], Field(min_length=1, max_length=len(SCOPES))]


class NewOAuthClient(BaseModel):
    """A client to be registered."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "Reading room",
                    "redirect_uris": ["https://reading.example.org/callback"],
                    "allowed_origins": ["https://reading.example.org"],
                    "scopes": ["openid", "profile", "annotate"],
                }
            ]
        },
    )

    name: PrintableName
    """As people read it where they sign in."""
    client_id: ClientId | None = None
    """By default a random one."""
    confidential: bool = False
    """Whether it gets a secret: for servers. Pages and programs on people's devices can't keep one."""
    first_party: bool = False
    """Whether it is part of this installation: nobody is asked for consent, and it may ask for `account`, which is
    everything that an account may do."""
    redirect_uris: Annotated[Uris, Field(min_length=1)]
    """Compared character by character; of an http URI of this machine the port may differ (RFC 8252)."""
    post_logout_redirect_uris: Uris = []
    scopes: Scopes = ["openid", "profile"]
    """What it may ask for."""
    allowed_origins: Origins = []
    """Origins whose pages may read answers of the platform (CORS), with a token and without cookies."""


class OAuthClientChanges(BaseModel):
    """What to change in a client; what is absent stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Reading room 2"}]})

    name: PrintableName | None = None
    first_party: bool | None = None
    redirect_uris: Annotated[Uris, Field(min_length=1)] | None = None
    post_logout_redirect_uris: Uris | None = None
    scopes: Scopes | None = None
    allowed_origins: Origins | None = None


class OAuthClientBody(BaseModel):
    """A registered client."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    client_id: str
    name: str
    confidential: bool
    first_party: bool
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    scopes: list[str]
    allowed_origins: list[str]
    created_at: datetime
    modified_at: datetime

    @classmethod
    def of(cls, row: RegisteredClient) -> Self:
        """From a row."""
        return cls(
            id=row.id,
            client_id=row.client_id,
            name=row.name,
            confidential=row.secret_hash is not None,
            first_party=row.first_party,
            redirect_uris=row.redirect_uris,
            post_logout_redirect_uris=row.post_logout_redirect_uris,
            scopes=row.scopes,
            allowed_origins=row.allowed_origins,
            created_at=row.created_at,
            modified_at=row.modified_at,
        )


class CreatedOAuthClient(OAuthClientBody):
    """A client that was just registered."""

    client_secret: str | None = None
    """In this answer only; null for a public client."""


class NewClientSecret(BaseModel):
    """The new secret of a client, in this answer only. The one before is not accepted any more."""

    client_id: str
    client_secret: str


class OAuthClientList(BaseModel):
    """A page of clients."""

    clients: list[OAuthClientBody]
    next_cursor: str | None


class ClientOrigins(BaseModel):
    """The origins of all clients."""

    origins: list[str]
