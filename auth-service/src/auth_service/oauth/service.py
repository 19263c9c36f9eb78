"""The grants (RFC 6749): passwords, refresh tokens, and the services' own credentials.

Refresh tokens rotate (RFC 9700 section 4.14.2): each is used once, and using one again ends its family, which is one
session, since then somebody else has it too. Only the last one before is tolerated for a moment: see `refresh_tokens`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.accounts.errors import WrongCredentials
from auth_service.accounts.names import MAX_PASSWORD_LENGTH
from auth_service.audit.trail import Action, record
from auth_service.logins.service import Logins
from auth_service.oauth import refresh_tokens, repository
from auth_service.oauth.clients import OAuthClient
from auth_service.oauth.errors import InvalidGrant, InvalidScope
from auth_service.oauth.models import RefreshToken
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Client, OpenedSession, Sessions
from auth_service.sessions.tokens import SERVICE_TOKEN_SECONDS, TokenIssuer
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors import BadRequest

ACCESS_LIFETIME: Final = timedelta(minutes=15)
FAMILY_LIFETIME: Final = timedelta(days=30)
IDLE_LIFETIME: Final = timedelta(days=14)
REPEAT_TOLERANCE: Final = timedelta(seconds=15)
"""How long after its use a token still answers with its successor."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A successful answer (section 5.1)."""

    access_token: str
    expires_in: int
    """Seconds."""
    refresh_token: str | None
    scope: str | None
    """None for the whole account."""


def granted_scope(asked: str | None, *, within: str | None = None) -> str | None:
    """What is granted of `within`, None being the whole account: what was asked for, by default all of it. Raises
    `InvalidScope` for more, and for what is no scope."""
    if asked is None:
        return within
    words = dict.fromkeys(asked.split(" "))
    if not words.keys() <= set(Scope if within is None else within.split(" ")):
        raise InvalidScope
    return " ".join(words)


class Grants:
    """Gives out tokens."""

    def __init__(self, database: Database, logins: Logins, sessions: Sessions, issuer: TokenIssuer) -> None:
        self._database = database
        self._logins = logins
        self._sessions = sessions
        self._issuer = issuer

    async def by_password(
        self,
        session: WriteSession,
        client: OAuthClient,
        *,
        username: str,
        password: str,
        scope: str | None,
        source: RequestSource,
    ) -> Granted:
        """Open a session. Raises `InvalidGrant`, `InvalidScope`, and `TooManyRequests` after too many guesses."""
        scope = granted_scope(scope)
        if len(password) > MAX_PASSWORD_LENGTH:  # nobody has one, and composing it would take long
            raise BadRequest("The password is too long.")
        lasting = Client(client.client_id, FAMILY_LIFETIME, ACCESS_LIFETIME)
        try:
            login = await self._logins.log_in(session, username, password, lasting, source, scope=scope)
        except WrongCredentials as error:
            raise InvalidGrant(error.detail) from error
        token, now = refresh_tokens.new(), self._now()
        # After the audit entry, since it names the session that is opened together with that.
        await repository.insert(session, _row(token, login.opened.session_id, now, now + FAMILY_LIFETIME))
        return _granted(login.opened, token, scope)

    async def by_refresh_token(
        self, client: OAuthClient, token: str, scope: str | None, source: RequestSource
    ) -> Granted:
        """Exchange a refresh token. Raises `InvalidGrant` or `InvalidScope`.

        In a transaction of its own, since the end of a family has to last although the answer is an error.
        """
        if not refresh_tokens.is_well_formed(token):
            raise InvalidGrant
        async with self._database.writing() as session:
            granted = await self._rotate(session, client, token, scope, source)
        if granted is None:
            raise InvalidGrant
        return granted

    def for_service(self, client: OAuthClient, scope: str | None) -> Granted:
        """A token with which a service calls another one. Raises `InvalidScope`: such a token has none."""
        if scope is not None:
            raise InvalidScope
        return Granted(self._issuer.for_service(client.client_id), SERVICE_TOKEN_SECONDS, None, None)

    async def _rotate(
        self, session: WriteSession, client: OAuthClient, token: str, scope: str | None, source: RequestSource
    ) -> Granted | None:
        """None where the family was ended."""
        now, token_hash = self._now(), refresh_tokens.digest(token)
        family = await repository.lock_family(session, token_hash, client.client_id)
        found = None if family is None else await repository.find(session, token_hash)
        if family is None or found is None:
            raise InvalidGrant
        row, account = found
        if row.used_at is not None and not await self._is_repeat(session, row, now):
            await self._sessions.revoke(session, account.id, family.id)
            reused, client_id = Action.REFRESH_TOKEN_REUSED, client.client_id
            await record(session, reused, source, account_id=account.id, session_id=family.id, client=client_id)
            return None
        if min(row.expires_at, family.expires_at) <= now:
            raise InvalidGrant
        scope = granted_scope(scope, within=family.scope)
        if row.sealed_successor is None:
            successor = refresh_tokens.new()
            new = await repository.insert(session, _row(successor, family.id, now, family.expires_at))
            row.used_at, row.successor_id, row.sealed_successor = now, new.id, refresh_tokens.seal(token, successor)
            await session.flush()
        else:
            successor = refresh_tokens.unseal(token, row.sealed_successor)
        return _granted(self._sessions.issue(family, account, scope=scope), successor, scope)

    @staticmethod
    async def _is_repeat(session: WriteSession, row: RefreshToken, now: datetime) -> bool:
        """Whether a used token was used just now, and nobody has got further."""
        just_now = row.used_at is not None and now - row.used_at <= REPEAT_TOLERANCE
        return just_now and await repository.is_unused(session, row.successor_id)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._issuer.now(), UTC)


def _row(token: str, session_id: int, now: datetime, family_ends: datetime) -> RefreshToken:
    return RefreshToken(
        session_id=session_id,
        token_hash=refresh_tokens.digest(token),
        created_at=now,
        expires_at=min(now + IDLE_LIFETIME, family_ends),
    )


def _granted(opened: OpenedSession, refresh_token: str, scope: str | None) -> Granted:
    return Granted(opened.token, opened.expires_in, refresh_token, scope)
