"""The grants (RFC 6749): authorization codes, passwords, refresh tokens, and the credentials of services.

Refresh tokens rotate (RFC 9700 section 4.14.2): each is used once. If one is used again, two clients have it, and one
of them stole it. Then its family, which is one login session, ends. Only the token that was used last is tolerated for
a moment (`REPEAT_TOLERANCE`), since the answer may have been lost.

The grants of accounts own their transactions: a password is verified before a connection is taken, and the end of a
session, when a code or a refresh token comes again, has to be committed although the request fails.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.authorization_codes import service as codes
from auth_service.authorization_codes.models import AuthorizationCode
from auth_service.authorization_codes.repository import set_used
from auth_service.authorization_codes.service import Exchange
from auth_service.logins.errors import WrongCredentials
from auth_service.logins.service import Logins
from auth_service.oauth import refresh_tokens, repository
from auth_service.oauth.clients import OAuthClient
from auth_service.oauth.errors import InvalidGrant, InvalidScope
from auth_service.oauth.models import RefreshToken
from auth_service.oauth_clients import repository as oauth_clients
from auth_service.oauth_clients.scopes import OPENID, scope_words
from auth_service.passwords.rules import MAX_PASSWORD_LENGTH
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Client, IssuedToken, Sessions
from auth_service.sessions.tokens import SERVICE_TOKEN_SECONDS, TokenIssuer
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors import BadRequest

ACCESS_LIFETIME: Final = timedelta(minutes=15)
FAMILY_LIFETIME: Final = timedelta(days=30)
IDLE_LIFETIME: Final = timedelta(days=14)
REPEAT_TOLERANCE: Final = timedelta(seconds=15)
"""The time after its use in which a token is still answered with its successor."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A successful response (RFC 6749 section 5.1)."""

    access_token: str = field(repr=False)
    expires_in: int
    """Seconds."""
    refresh_token: str | None = field(repr=False)
    scope: str | None
    """None for everything that the account may do."""
    id_token: str | None = field(default=None, repr=False)
    """For a code that was asked for with the scope `openid`."""


def granted_scope(requested: str | None, *, within: str | None = None) -> str | None:
    """The scope that is granted: the one that was requested, or all of `within` by default. None stands for everything
    that the account may do. Raises `InvalidScope` if the request exceeds `within`, or is not a scope."""
    if requested is None:
        return within
    words = dict.fromkeys(requested.split(" "))
    if not words.keys() <= set(Scope if within is None else within.split(" ")):
        raise InvalidScope
    return " ".join(words)


class Grants:
    """Issues tokens for grants."""

    def __init__(self, database: Database, logins: Logins, sessions: Sessions, issuer: TokenIssuer) -> None:
        self._database = database
        self._logins = logins
        self._sessions = sessions
        self._issuer = issuer

    async def by_password(
        self, client: OAuthClient, *, username: str, password: str, scope: str | None, source: RequestSource
    ) -> Granted:
        """Open a session. Raises `InvalidGrant`, `InvalidScope`, and `TooManyRequests` after too many failures."""
        scope = granted_scope(scope)
        if len(password) > MAX_PASSWORD_LENGTH:  # no account has one, and normalising it would take long
            raise BadRequest("The password is too long.")
        lasting = Client(client.client_id, FAMILY_LIFETIME, ACCESS_LIFETIME)
        token = refresh_tokens.new()
        try:
            async with (
                self._logins.verified(username, password, source) as verified,
                self._database.writing() as session,
            ):
                now = self._sessions.now()
                login = await self._logins.open(session, verified, lasting, now=now, scope=scope)
                # After the audit entry, although that should come last: the row refers to the session, which is
                # inserted together with the entry.
                row = _row(token, login.issued.session_id, _time(now), _time(now) + FAMILY_LIFETIME)
                await repository.insert(session, row)
        except WrongCredentials as error:
            raise InvalidGrant(error.detail) from error
        return _granted(login.issued, token, scope)

    async def by_refresh_token(
        self, client: OAuthClient, token: str, scope: str | None, source: RequestSource
    ) -> Granted:
        """Exchange a refresh token for new tokens. Raises `InvalidGrant` or `InvalidScope`."""
        if not refresh_tokens.is_well_formed(token):
            raise InvalidGrant
        async with self._database.writing() as session:
            granted = await self._rotate(session, client, token, scope, source)
        if granted is None:
            raise InvalidGrant
        return granted

    async def by_code(self, exchange: Exchange, source: RequestSource) -> Granted:
        """Exchange an authorization code for tokens. Raises `InvalidGrant`."""
        async with self._database.writing() as session:
            granted = await self._exchange(session, exchange, source)
        if granted is None:
            raise InvalidGrant
        return granted

    def for_service(self, client: OAuthClient, scope: str | None) -> Granted:
        """A token with which a service calls other services. Raises `InvalidScope` if a scope was requested: such a
        token has none."""
        if scope is not None:
            raise InvalidScope
        return Granted(self._issuer.for_service(client.client_id), SERVICE_TOKEN_SECONDS, None, None)

    async def _exchange(self, session: WriteSession, exchange: Exchange, source: RequestSource) -> Granted | None:
        """Tokens for a code; None if the code was used before, which has ended its session and has to be committed."""
        now, client_id = self._sessions.now(), exchange.client_id
        # Before its codes, which go with it: deleting a client locks them in the same order.
        client = await oauth_clients.lock_shared(session, client_id)
        code = await codes.find(session, exchange)
        if client is None or code is None:
            raise InvalidGrant
        if code.session_id is not None:
            if await self._sessions.revoke(session, code.account_id, code.session_id):
                reused, account_id = Action.AUTHORIZATION_CODE_REUSED, code.account_id
                await record(
                    session, reused, source, account_id=account_id, session_id=code.session_id, client=client_id
                )
            return None
        account = await codes.owner(session, code, client, _time(now))
        if account is None:
            raise InvalidGrant
        lasting = Client(client_id, FAMILY_LIFETIME, ACCESS_LIFETIME)
        login = await self._sessions.open(
            session, account.id, lasting, now=now, scope=code.scope, signed_in_at=code.signed_in_at
        )
        await set_used(session, code, login.id)
        token = refresh_tokens.new()
        await repository.insert(session, _row(token, login.id, _time(now), login.expires_at))
        await record(session, Action.SIGNED_IN, source, account_id=account.id, client=client_id)
        issued = self._sessions.issue(login, account.authority, now=now)
        id_token = self._id_token(code, issued, now) if OPENID in scope_words(code.scope) else None
        return Granted(issued.token, issued.expires_in, token, code.scope, id_token)

    def _id_token(self, code: AuthorizationCode, issued: IssuedToken, now: int) -> str:
        return self._issuer.id_token(
            code.account_id,
            client_id=code.client_id,
            session_id=issued.session_id,
            signed_in_at=int(code.signed_in_at.timestamp()),
            nonce=code.nonce,
            access_token=issued.token,
            issued_at=now,
            expires_at=now + issued.expires_in,
        )

    async def _rotate(
        self, session: WriteSession, client: OAuthClient, token: str, scope: str | None, source: RequestSource
    ) -> Granted | None:
        """New tokens; None if the family was ended, which has to be committed."""
        now, token_hash = self._sessions.now(), refresh_tokens.digest(token)
        family = await repository.lock_family(session, token_hash, client.client_id)
        found = None if family is None else await repository.find(session, token_hash)
        if family is None or found is None:
            raise InvalidGrant
        row, account = found
        if row.used_at is not None and not await self._is_repeat(session, row, _time(now)):
            await self._sessions.revoke(session, account.id, family.id)
            reused, client_id = Action.REFRESH_TOKEN_REUSED, client.client_id
            await record(session, reused, source, account_id=account.id, session_id=family.id, client=client_id)
            return None
        if min(row.expires_at, family.expires_at) <= _time(now):
            raise InvalidGrant
        scope = granted_scope(scope, within=family.scope)
        if row.sealed_successor is None:
            successor = refresh_tokens.new()
            new = await repository.insert(session, _row(successor, family.id, _time(now), family.expires_at))
            sealed = refresh_tokens.seal(token, successor)
            await repository.set_successor(session, row, new, used_at=_time(now), sealed=sealed)
        else:
            successor = refresh_tokens.unseal(token, row.sealed_successor)
        return _granted(self._sessions.issue(family, account.authority, now=now, scope=scope), successor, scope)

    @staticmethod
    async def _is_repeat(session: WriteSession, row: RefreshToken, now: datetime) -> bool:
        """Whether a token was used just now, and its successor has not been used."""
        just_now = row.used_at is not None and now - row.used_at <= REPEAT_TOLERANCE
        return just_now and await repository.is_unused(session, row.successor_id)


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _row(token: str, session_id: int, now: datetime, family_ends: datetime) -> RefreshToken:
    return RefreshToken(
        session_id=session_id,
        token_hash=refresh_tokens.digest(token),
        created_at=now,
        expires_at=min(now + IDLE_LIFETIME, family_ends),
    )


def _granted(issued: IssuedToken, refresh_token: str, scope: str | None) -> Granted:
    return Granted(issued.token, issued.expires_in, refresh_token, scope)
