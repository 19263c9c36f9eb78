"""Revocation (RFC 7009) and introspection (RFC 7662) of tokens that were issued.

A token is revoked together with its login session, and with all other tokens of that: verifiers do not ask this service
about single tokens, they can only be told of sessions (`sessions.repository.revocations`).
"""

from jose import jwt

from auth_service.accounts import repository as accounts
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.oauth import refresh_tokens, repository
from auth_service.oauth.clients import OAuthClient
from auth_service.oauth.errors import InvalidGrant, UnsupportedTokenType
from auth_service.oauth.schemas import INACTIVE, Introspection
from auth_service.request_source import RequestSource
from auth_service.sessions import repository as sessions
from auth_service.sessions.models import LoginSession
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT, Principal
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.errors import InvalidToken


class IssuedTokens:
    """Revokes tokens and describes them, in the transaction of the caller."""

    def __init__(self, sessions: Sessions, issuer: TokenIssuer, verifier: TokenVerifier) -> None:
        self._sessions = sessions
        self._issuer = issuer
        self._verifier = verifier

    async def revoke(self, session: WriteSession, client: OAuthClient, token: str, source: RequestSource) -> None:
        """End the session of a token. Nothing happens for a text that is not a token, or whose session has ended.
        Raises `InvalidGrant` for a token of another client, and `UnsupportedTokenType` for the token of a service,
        which has no session."""
        found = await self._session_of(session, client, token)
        if found is None:
            return
        if found.client_id != client.client_id:
            raise InvalidGrant("The token was issued to another client.")
        if await self._sessions.revoke(session, found.account_id, found.id):
            ended, account_id = Action.SESSION_ENDED, found.account_id
            await record(session, ended, source, account_id=account_id, session_id=found.id, client=found.client_id)

    async def introspect(self, session: ReadSession, token: str) -> Introspection:
        """The claims of a token; `INACTIVE` if it is not good any more, or not a token."""
        now = self._issuer.now()
        if refresh_tokens.is_well_formed(token):
            return await self._refresh_token(session, token, now)
        principal = await self._verified(token)
        if principal is None or principal.expires_at <= now:
            return INACTIVE
        username = None
        if principal.account_id is not None:
            found = await accounts.find_signed_in(session, principal.account_id, principal.session_id)
            if found is None:
                return INACTIVE
            username = found[0].username
        claims = jwt.get_unverified_claims(token)  # the verifier has verified them just now
        return Introspection(active=True, username=username, token_type="Bearer", **claims)  # noqa: S106 - a scheme

    async def _refresh_token(self, session: ReadSession, token: str, now: int) -> Introspection:
        found = await repository.find_live(session, refresh_tokens.digest(token))
        if found is None:
            return INACTIVE
        row, family, account = found
        expires_at = int(min(row.expires_at, family.expires_at).timestamp())
        if expires_at <= now:
            return INACTIVE
        return Introspection(
            active=True,
            scope=family.scope,
            client_id=family.client_id,
            username=account.username,
            token_type="refresh_token",  # noqa: S106 - a name
            exp=expires_at,
            iat=int(row.created_at.timestamp()),
            sub=f"{ACCOUNT_SUBJECT}{account.id}",
            iss=self._issuer.issuer,
        )

    async def _session_of(self, session: WriteSession, client: OAuthClient, token: str) -> LoginSession | None:
        if refresh_tokens.is_well_formed(token):
            return await repository.find_session(session, refresh_tokens.digest(token))
        principal = await self._verified(token)
        if principal is not None and principal.service is not None:
            raise UnsupportedTokenType if principal.service == client.client_id else InvalidGrant
        if principal is None or principal.session_id is None:
            return None
        return await sessions.find(session, principal.session_id)

    async def _verified(self, token: str) -> Principal | None:
        try:
            return await self._verifier.verify(token)
        except InvalidToken:
            return None
