"""Opening login sessions, issuing their tokens and ending them.

One request has one time: what opens a session and signs its first token hands `now` (`Sessions.now`) to both. With two
readings of the clock a token could live a second less than its client is promised.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth_service.config import API_KEY_CLIENT
from auth_service.sessions import repository
from auth_service.sessions.models import LoginSession
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client, and how long its sessions last."""

    client_id: str
    lifetime: timedelta
    token_lifetime: timedelta | None = None
    """Of an access token, at most `keys.rotation.LONGEST_TOKEN_LIFETIME`; by default that of the session."""

    @property
    def token_seconds(self) -> int:
        """The lifetime of an access token."""
        return int((self.token_lifetime or self.lifetime).total_seconds())


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token of a session."""

    session_id: int
    token: str
    expires_in: int
    """Seconds."""


class Sessions:
    """Opens sessions and ends them."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    def now(self) -> int:
        """The time of a request, in seconds since the epoch."""
        return self._issuer.now()

    async def open(
        self,
        session: WriteSession,
        account_id: int,
        client: Client,
        *,
        now: int,
        scope: str | None = None,
        signed_in_at: datetime | None = None,
    ) -> LoginSession:
        """Open a session for an account that was authenticated in this request, or else at `signed_in_at`."""
        row = self.draft(account_id, client, now=now, scope=scope)
        row.signed_in_at = signed_in_at
        return await repository.insert(session, row)

    @staticmethod
    def draft(account_id: int, client: Client, *, now: int, scope: str | None = None) -> LoginSession:
        """A session that is not in the database yet."""
        issued_at = datetime.fromtimestamp(now, UTC)
        return LoginSession(
            account_id=account_id,
            client_id=client.client_id,
            created_at=issued_at,
            expires_at=issued_at + client.lifetime,
            token_seconds=client.token_seconds,
            scope=scope,
        )

    def issue(
        self,
        login: LoginSession,
        authority: int,
        *,
        now: int,
        scope: str | None = None,
        device_id: str | None = None,
    ) -> IssuedToken:
        """Sign a token of a session, with the authority that its account has now. It does not outlive the session.

        `scope` narrows the scope of the session; `device_id` binds the token to a device.
        """
        expires_at = min(now + login.token_seconds, int(login.expires_at.timestamp()))
        token = self._issuer.for_account(
            login.account_id,
            Authority(authority),
            session_id=login.id,
            client_id=login.client_id,
            scope=login.scope if scope is None else scope,
            device_id=device_id,
            issued_at=now,
            expires_at=expires_at,
        )
        return IssuedToken(login.id, token, expires_at - now)

    async def revoke(self, session: WriteSession, account_id: int, session_id: int) -> bool:
        """End one session of an account. Returns False if it has ended already, or is another account's."""
        return await repository.revoke(session, account_id, session_id) > 0

    async def revoke_login(self, session: WriteSession, account_id: int, session_id: int) -> bool:
        """End one session of an account that is not an API key. Returns False as `revoke` does, and for an API key."""
        return await repository.revoke(session, account_id, session_id, but_of_client=API_KEY_CLIENT) > 0

    async def revoke_all(self, session: WriteSession, account_id: int, *, api_keys: bool = False) -> int:
        """End all sessions of an account, with `api_keys` its API keys as well. Returns how many sessions were ended.

        When a password was changed, call it in the same transaction after the change: a sign-in with the old password
        that is in progress is then either among these sessions, or refused.
        """
        return await repository.revoke_all(session, account_id, but_of_client=None if api_keys else API_KEY_CLIENT)
