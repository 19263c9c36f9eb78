"""Signing up and logging in, whichever dialect asks."""

from dataclasses import dataclass

from auth_service.accounts.errors import AwaitingApproval, WrongCredentials, WrongPassword
from auth_service.accounts.models import Account
from auth_service.accounts.registration import Accounts, Proof
from auth_service.audit.trail import Action, entry, record
from auth_service.login_throttling.service import Attempt, LoginThrottling
from auth_service.logins import repository
from auth_service.logins.repository import SignIn
from auth_service.request_source import RequestSource
from auth_service.sessions.models import LoginSession
from auth_service.sessions.service import Client, OpenedSession, Sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, Statements, WriteSession
from lightbox_shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in, and the session that this opened."""

    account: Account
    opened: OpenedSession


class Logins:
    """What the dialects share. Both methods hash before they touch the transaction, so call them first in it."""

    def __init__(self, database: Database, accounts: Accounts, sessions: Sessions, throttling: LoginThrottling) -> None:
        self._database = database
        self._accounts = accounts
        self._sessions = sessions
        self._throttling = throttling

    async def sign_up(
        self, session: WriteSession, username: str, password: str, client: Client, source: RequestSource
    ) -> Login:
        """Register an account, waiting for approval, and log it in. Name and password have no `Accounts.problems`.
        Raises `UsernameTaken`."""
        account = await self._accounts.register(session, username, password)
        opened = await self._sessions.open(session, account, client)
        await self._throttling.remember(session, account.id, source)
        await record(session, Action.ACCOUNT_CREATED, source, account_id=account.id, client=client.client_id)
        return Login(account, opened)

    async def log_in(
        self,
        session: WriteSession | None,
        username: str,
        password: str,
        client: Client,
        source: RequestSource,
        *,
        scope: str | None = None,
        approved_only: bool = False,
    ) -> Login:
        """Open a session for who knows the password: in the caller's transaction, or in one that is committed then.
        Raises `NoSuchAccount`, `WrongPassword`, and `TooManyRequests` after too many of these; with `approved_only`
        also `AwaitingApproval`."""
        attempt = await self._throttling.begin(username, source)
        reason = None
        try:
            with self._throttling.in_flight(attempt):
                proof = await self._prove(attempt, password, approved_only=approved_only)
                reason = "password-changed"  # if it is wrong from here on
                row = self._sessions.draft(proof.account_id, client, scope=scope)
                if session is not None:
                    return await self._open(session, row, proof, attempt)
                async with self._database.autocommit() as connection:
                    return await self._open(connection, row, proof, attempt)
        except WrongCredentials:
            if session is not None:
                await session.rollback()  # nothing is in it, and it would hold a connection while another is taken
            await self._throttling.failed(attempt, reason)
            raise

    async def _prove(self, attempt: Attempt, password: str, *, approved_only: bool) -> Proof:
        try:
            proof = await self._accounts.check(attempt.account, password)
        except Unavailable:
            await self._throttling.withdraw(attempt)
            raise
        if approved_only and attempt.account is not None and attempt.account.authority is Authority.NONE:
            await self._throttling.waiting(attempt)
            raise AwaitingApproval
        return proof

    async def _open(self, where: Statements, row: LoginSession, proof: Proof, attempt: Attempt) -> Login:
        await self._accounts.upgrade(where, proof)
        signing_in = SignIn(
            password_changed_at=proof.password_changed_at,
            keys=attempt.keys,
            wholly=attempt.familiar_since is not None,
            address=attempt.address_to_remember,
            entry=entry(Action.SIGNED_IN, attempt.source, account_id=proof.account_id, client=row.client_id),
        )
        account = await repository.sign_in(where, row, signing_in)
        if account is None:  # whoever changes a password and then ends all sessions must not miss this one
            raise WrongPassword
        return Login(account, self._sessions.issue(row, account))
