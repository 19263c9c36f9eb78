"""The rules of registered OAuth clients, in the transaction of the caller.

A secret is random, so its SHA-256 is enough in the database, and it is shown once.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.config import API_KEY_CLIENT
from auth_service.oauth_clients import repository
from auth_service.oauth_clients.errors import ClientIdTaken, ClientIsPublic
from auth_service.oauth_clients.models import RegisteredClient
from auth_service.oauth_clients.redirect_uris import redirect_uri_problem
from auth_service.oauth_clients.schemas import NewOAuthClient, OAuthClientChanges
from auth_service.request_source import RequestSource
from auth_service.sessions import repository as sessions
from lightbox_shared.auth.principal import WHOLE_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.errors.sentences import Sentence
from lightbox_shared.responses.pagination import Page, PageRequest

KINDS_OF_SIGN_IN: Final = frozenset({API_KEY_CLIENT, "yelda", "chexray", "imagehub", "sign-in-page", "passkey"})
"""The clients of the sessions that our own sign-ins open. No OAuth client may have such an id: a client may revoke the
sessions of its id."""
_URIS: Final = ("redirect_uris", "post_logout_redirect_uris")


@dataclass(frozen=True, slots=True)
class CreatedClient:
    """A client that was just registered."""

    row: RegisteredClient
    secret: str | None = field(repr=False)
    """The secret itself, which is not stored; None for a public client."""


class OAuthClients:
    """Registers clients and removes them."""

    def __init__(self, *, reserved: Iterable[str], plain_http: bool) -> None:
        """No client may have one of the ids `reserved`. With `plain_http` redirect URIs may lead to other machines
        without TLS."""
        self._reserved = KINDS_OF_SIGN_IN.union(reserved)
        self._plain_http = plain_http

    async def create(
        self, session: WriteSession, new: NewOAuthClient, source: RequestSource, *, actor: str
    ) -> CreatedClient:
        """Register a client. Raises `ClientIdTaken`, and `InvalidRequest` for a redirect URI or a scope that it can't
        have."""
        values = new.model_dump(exclude={"confidential"})
        self._check(values, first_party=new.first_party, scopes=new.scopes)
        values["client_id"] = client_id = new.client_id or secrets.token_urlsafe(16)
        if client_id in self._reserved:
            raise ClientIdTaken
        secret = secrets.token_urlsafe(32) if new.confidential else None
        values["secret_hash"] = None if secret is None else secret_hash(secret)
        row = await repository.insert_new(session, values)
        if row is None:
            raise ClientIdTaken
        await record(session, Action.OAUTH_CLIENT_CREATED, source, actor=actor, client=client_id)
        return CreatedClient(row, secret)

    async def listed(self, session: ReadSession, page: PageRequest | None = None) -> Page[RegisteredClient]:
        """The clients, newest first: one page of them, or all."""
        rows = await repository.page(session, page)
        return Page(rows, None) if page is None else Page.of(rows, page, lambda row: row.id)

    async def find(self, session: ReadSession, row_id: int) -> RegisteredClient:
        """A client. Raises `NotFound`."""
        row = await repository.find(session, row_id)
        if row is None:
            raise NotFound
        return row

    async def change(
        self, session: WriteSession, row_id: int, changes: OAuthClientChanges, source: RequestSource, *, actor: str
    ) -> RegisteredClient:
        """Change a client. If it may do less from now on, the sessions that people have with it end. Raises `NotFound`
        and `InvalidRequest`."""
        values = changes.model_dump(exclude_none=True)
        row = await repository.find(session, row_id)
        if row is None:
            raise NotFound
        self._check(
            values,
            first_party=values.get("first_party", row.first_party),
            scopes=values.get("scopes", row.scopes),
        )
        narrower = row.first_party and values.get("first_party") is False
        narrower |= not set(row.scopes) <= set(values.get("scopes", row.scopes))
        changed = await repository.change(session, row_id, values)
        if changed is None:
            raise NotFound
        if narrower:
            await sessions.revoke_of_client(session, changed.client_id)
        fields = sorted(values)
        await record(session, Action.OAUTH_CLIENT_CHANGED, source, actor=actor, client=changed.client_id, fields=fields)
        return changed

    async def new_secret(
        self, session: WriteSession, row_id: int, source: RequestSource, *, actor: str
    ) -> CreatedClient:
        """Give a confidential client another secret. Raises `NotFound` and `ClientIsPublic`."""
        row = await repository.find(session, row_id)
        if row is None:
            raise NotFound
        if row.secret_hash is None:
            raise ClientIsPublic
        secret = secrets.token_urlsafe(32)
        changed = await repository.change(session, row_id, {"secret_hash": secret_hash(secret)})
        if changed is None:
            raise NotFound
        await record(
            session, Action.OAUTH_CLIENT_CHANGED, source, actor=actor, client=changed.client_id, fields=["secret"]
        )
        return CreatedClient(changed, secret)

    async def delete(self, session: WriteSession, row_id: int, source: RequestSource, *, actor: str) -> None:
        """Delete a client, and end the sessions that people have with it. Raises `NotFound`."""
        row = await repository.remove(session, row_id)
        if row is None:
            raise NotFound
        ended = await sessions.revoke_of_client(session, row.client_id)
        await record(session, Action.OAUTH_CLIENT_DELETED, source, actor=actor, client=row.client_id, sessions=ended)

    def _check(self, values: dict[str, Any], *, first_party: bool, scopes: Collection[str]) -> None:
        for name in _URIS:
            for uri in values.get(name, ()):
                problem = redirect_uri_problem(uri, plain_http=self._plain_http)
                if problem is not None:
                    raise InvalidRequest.of(name, problem)
        if WHOLE_ACCOUNT in scopes and not first_party:
            sentence = f"Only a first-party client may ask for {WHOLE_ACCOUNT}."
            raise InvalidRequest.of("scopes", Sentence("first-party-scope", sentence, scope=WHOLE_ACCOUNT))


def secret_hash(secret: str) -> bytes:
    """The SHA-256 of a secret, which the database has in its place."""
    return hashlib.sha256(secret.encode()).digest()
