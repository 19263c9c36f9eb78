"""The clients of the OAuth endpoints: the platform's own public clients, which have no secret, its services, which have
one, and those that administrators have registered, which may have one."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote_plus

from auth_service.basic import decode_basic
from auth_service.oauth.errors import InvalidClient
from auth_service.oauth.parameters import Parameters
from auth_service.oauth_clients import repository as oauth_clients
from lightbox_shared.database import Database
from lightbox_shared.errors import BadRequest
from lightbox_shared.requests.forms import is_storable


class GrantType(StrEnum):
    """The supported grants (RFC 6749 sections 4.1, 4.3, 4.4 and 6)."""

    AUTHORIZATION_CODE = "authorization_code"
    PASSWORD = "password"  # noqa: S105 - a name
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name
    CLIENT_CREDENTIALS = "client_credentials"


FIRST_PARTY: Final = "lightbox"
"""The public client that a request without a `client_id` is taken for: the grants of a password and of a refresh token
have no such parameter (sections 4.3.2 and 6), and Swagger UI and FastAPI's tutorials send none."""

PUBLIC_GRANTS: Final = frozenset({GrantType.PASSWORD, GrantType.REFRESH_TOKEN})
SERVICE_GRANTS: Final = frozenset({GrantType.CLIENT_CREDENTIALS})
REGISTERED_GRANTS: Final = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
"""A registered client never sees a password (RFC 9700 section 2.4)."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client that is known and, if it has a secret, has been authenticated."""

    client_id: str
    grants: frozenset[GrantType]
    """The grant types that it may use."""
    authenticated: bool = False
    """Whether it has shown its secret; a public client has none."""

    @property
    def is_service(self) -> bool:
        """Whether it is a service of the platform."""
        return GrantType.CLIENT_CREDENTIALS in self.grants


class Clients:
    """All known clients. Secrets are kept as digests: they all have one length, so that the time of a comparison
    reveals nothing."""

    def __init__(self, database: Database, *, public: Iterable[str], services: Mapping[str, str]) -> None:
        self._database = database
        self._public = frozenset(public)
        self._services = {name: _digest(secret) for name, secret in services.items()}

    async def authenticate(
        self, authorization: str | None, parameters: Parameters, *, default: str | None = None
    ) -> OAuthClient:
        """The client of a request: by HTTP Basic, or by `client_id` and `client_secret` in the body (RFC 6749 section
        2.3.1); a public client sends its `client_id` alone. A request without any client is that of the public client
        `default`, where there is one. Raises `InvalidClient`, and `BadRequest` for credentials in both places at
        once."""
        client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
        basic = _basic(authorization)
        if basic is not None:
            if secret is not None or client_id not in {None, basic[0]}:
                raise BadRequest("The client authenticates in more than one way.")
            client_id, secret = basic
        if not client_id and not secret:
            client_id = default
        if client_id in self._public and not secret:
            return OAuthClient(client_id, PUBLIC_GRANTS)
        # In Basic the secret is form-encoded, but some clients send it as it is: both spellings are accepted.
        spellings = [secret or "", unquote_plus(secret or "")] if basic is not None else [secret or ""]
        if client_id is None or not is_storable(client_id):
            raise InvalidClient
        known, grants = self._services.get(client_id), SERVICE_GRANTS
        if known is None:
            async with self._database.reading() as session:
                registered = await oauth_clients.find_by_client_id(session, client_id)
            if registered is not None and registered.secret_hash is None and not secret:
                return OAuthClient(client_id, REGISTERED_GRANTS)
            known, grants = None if registered is None else registered.secret_hash, REGISTERED_GRANTS
        fits = [hmac.compare_digest(known or _digest(""), _digest(each)) for each in spellings]
        if known is None or not any(fits):
            raise InvalidClient
        return OAuthClient(client_id, grants, authenticated=True)


def _basic(authorization: str | None) -> tuple[str, str] | None:
    """The name and the secret of a Basic header (RFC 7617); None if there is no such header. Raises
    `InvalidClient`."""
    try:
        decoded = decode_basic(authorization)
    except ValueError as error:
        raise InvalidClient from error
    if decoded is None:
        return None
    name, _, secret = decoded.partition(":")
    return name, secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
