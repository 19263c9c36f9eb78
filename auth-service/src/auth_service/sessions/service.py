"""The rules of sessions: what a login opens, and how it ends."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth_service.accounts.models import Account
from auth_service.sessions import repository
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


@dataclass(frozen=True, slots=True)
class Client:
    """A kind of client, and how long its logins last (at most `keys.rotation.LONGEST_TOKEN_LIFETIME`)."""

    client_id: str
    lifetime: timedelta


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

    async def open(self, session: WriteSession, account: Account, client: Client) -> OpenedSession:
        """Open a session for an account that has been authenticated in this transaction, and sign its token."""
        issued_at = self._issuer.now()
        seconds = int(client.lifetime.total_seconds())
        row = await repository.insert_session(
            session,
            account_id=account.id,
            client_id=client.client_id,
            created_at=datetime.fromtimestamp(issued_at, UTC),
            expires_at=datetime.fromtimestamp(issued_at + seconds, UTC),
        )
        token = self._issuer.for_account(
            account.id,
            Authority(account.authority),
            session_id=row.id,
            client_id=client.client_id,
            issued_at=issued_at,
            expires_at=issued_at + seconds,
        )
        return OpenedSession(row.id, token, seconds)

    async def revoke(self, session: WriteSession, account_id: int, session_id: int) -> None:
        """End one session of an account; one that has ended stays as it is."""
        await repository.revoke(session, account_id, session_id)

    async def revoke_all(self, session: WriteSession, account_id: int) -> None:
        """End all sessions of an account. After a change of its password: in the same transaction, after the change,
        so that a login under way with the old password is either included or refused."""
        await repository.revoke_all(session, account_id)
