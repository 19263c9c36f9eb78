"""Signing up and logging in, whichever dialect asks."""

from dataclasses import dataclass

from auth_service.accounts.models import Account
from auth_service.accounts.service import Accounts
from auth_service.audit.trail import Action, record
from auth_service.origin import Origin
from auth_service.sessions.service import Client, OpenedSession, Sessions
from lightbox_shared.database import WriteSession


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in, and the session that this opened."""

    account: Account
    opened: OpenedSession


class Logins:
    """What the dialects share. Both methods hash before they touch the transaction, so call them first in it."""

    def __init__(self, accounts: Accounts, sessions: Sessions) -> None:
        self._accounts = accounts
        self._sessions = sessions

    async def sign_up(
        self, session: WriteSession, username: str, password: str, client: Client, origin: Origin
    ) -> Login:
        """Register an account, waiting for approval, and log it in. Name and password have no `Accounts.problems`.
        Raises `UsernameTaken`."""
        account = await self._accounts.register(session, username, password)
        opened = await self._sessions.open(session, account, client)
        await record(session, Action.ACCOUNT_CREATED, origin, account_id=account.id, client=client.client_id)
        return Login(account, opened)

    async def log_in(
        self,
        session: WriteSession,
        username: str,
        password: str,
        client: Client,
        origin: Origin,
        *,
        scope: str | None = None,
    ) -> Login:
        """Open a session for who knows the password. Raises `NoSuchAccount`, `WrongPassword`, and `TooManyRequests`
        after too many of these."""
        proof = await self._accounts.authenticate(username, password)
        account = await self._accounts.confirm(session, proof)
        opened = await self._sessions.open(session, account, client, scope=scope)
        await record(session, Action.SIGNED_IN, origin, account_id=account.id, client=client.client_id)
        return Login(account, opened)
