"""The rules of sessions: what a login opens, and how it ends."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from auth_service.accounts.models import Account
from auth_service.sessions import repository
from auth_service.sessions.models import LoginSession
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession

API_KEY_CLIENT: Final = "api-key"
"""The client of the sessions that API keys are."""


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client, and how long its logins last."""

    client_id: str
    lifetime: timedelta
    token_lifetime: timedelta | None = None
    """Of an access token, where a session has several one after the other; by default one lives as long as the session.
    At most `keys.rotation.LONGEST_TOKEN_LIFETIME`."""

    @property
    def token_seconds(self) -> int:
        """How long an access token lives."""
        return int((self.token_lifetime or self.lifetime).total_seconds())


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session and its token."""

    session_id: int
    token: str
    expires_in: int
    """Seconds."""


class Sessions:
    """Opens sessions and ends them."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def open(
        self, session: WriteSession, account: Account, client: Client, *, scope: str | None = None
    ) -> OpenedSession:
        """Open a session for an account that has been authenticated in this transaction, and sign its first token."""
        return self.issue(await self.add(session, account, client, scope=scope), account)

    async def add(
        self, session: WriteSession, account: Account, client: Client, *, scope: str | None = None
    ) -> LoginSession:
        """Open a session without a token yet."""
        return await repository.insert(session, self.draft(account.id, client, scope=scope))

    def draft(self, account_id: int, client: Client, *, scope: str | None = None) -> LoginSession:
        """A session that is not in the database yet."""
        issued_at = datetime.fromtimestamp(self._issuer.now(), UTC)
        return LoginSession(
            account_id=account_id,
            client_id=client.client_id,
            created_at=issued_at,
            expires_at=issued_at + client.lifetime,
            token_seconds=client.token_seconds,
            scope=scope,
        )

    def issue(
        self, row: LoginSession, account: Account, *, scope: str | None = None, device_id: str | None = None
    ) -> OpenedSession:
        """Sign a token of a session, with the authority that its account has now; `scope` narrows that of the session,
        `device_id` binds it to a device. It does not outlive the session."""
        issued_at = self._issuer.now()
        expires_at = min(issued_at + row.token_seconds, int(row.expires_at.timestamp()))
        token = self._issuer.for_account(
            account.id,
            Authority(account.authority),
            session_id=row.id,
            client_id=row.client_id,
            scope=row.scope if scope is None else scope,
            device_id=device_id,
            issued_at=issued_at,
            expires_at=expires_at,
        )
        return OpenedSession(row.id, token, expires_at - issued_at)

    async def revoke(self, session: WriteSession, account_id: int, session_id: int) -> bool:
        """End one session of an account; False for one that has ended, or is none of that account's."""
        return await repository.revoke(session, account_id, session_id) > 0

    async def revoke_login(self, session: WriteSession, account_id: int, session_id: int) -> bool:
        """The same for a session that somebody signed in to; False for an API key as well."""
        return await repository.revoke(session, account_id, session_id, but_of_client=API_KEY_CLIENT) > 0

    async def revoke_all(self, session: WriteSession, account_id: int, *, api_keys: bool = False) -> int:
        """End all sessions of an account, and its API keys too if asked. After a change of its password: in the same
        transaction, after the change, so that a login under way with the old password is either included or refused.
        Returns how many they were."""
        return await repository.revoke_all(session, account_id, but_of_client=None if api_keys else API_KEY_CLIENT)
