"""Signing up and signing in, in whichever dialect.

Both own their transactions: a password is hashed before a connection is taken, and a sign-in that fails is recorded
although the request fails.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from auth_service.accounts import repository as accounts
from auth_service.accounts.models import Account
from auth_service.accounts.registration import NewAccount, Registration
from auth_service.audit.entries import Action, entry_text
from auth_service.audit.service import record_new_account
from auth_service.login_throttling.service import Attempt, LoginThrottling
from auth_service.logins import repository
from auth_service.logins.errors import AwaitingApproval, NoSuchAccount, WrongCredentials, WrongPassword
from auth_service.logins.repository import SignIn
from auth_service.passwords.hashing import Passwords
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Client, IssuedToken, Sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, Statements
from lightbox_shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Login:
    """An account that has signed in, and the first token of its session."""

    account: Account
    issued: IssuedToken


@dataclass(frozen=True, slots=True)
class VerifiedPassword:
    """An attempt to sign in with the password that the account has had since `password_changed_at`."""

    attempt: Attempt
    account_id: int
    password_changed_at: datetime
    replacement_hash: str | None = field(repr=False)
    """A new hash of the same password, if the stored one is of an outdated kind."""


class Logins:
    """The use cases that all dialects share."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        registration: Registration,
        sessions: Sessions,
        throttling: LoginThrottling,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._registration = registration
        self._sessions = sessions
        self._throttling = throttling

    async def sign_up(self, new: NewAccount, client: Client, source: RequestSource) -> Login:
        """Make an account, which waits for approval, and sign it in. Raises `UsernameTaken` and
        `UsernameLooksAlike`."""
        prepared = await self._registration.prepare(new)
        now = self._sessions.now()
        async with self._database.writing() as session:
            account = await self._registration.insert(session, prepared)
            login = await self._sessions.open(session, account.id, client, now=now)
            await self._throttling.remember(session, account.id, source)
            await record_new_account(
                session,
                source,
                account_id=account.id,
                authority=Authority(account.authority),
                client=client.client_id,
            )
            return Login(account, self._sessions.issue(login, account.authority, now=now))

    async def log_in(
        self, username: str, password: str, client: Client, source: RequestSource, *, approved_only: bool = False
    ) -> Login:
        """Open a session for an account whose password is right. Raises what `verified` raises."""
        async with (
            self.verified(username, password, source, approved_only=approved_only) as verified,
            self._database.autocommit() as connection,
        ):
            return await self.open(connection, verified, client, now=self._sessions.now())

    @asynccontextmanager
    async def verified(
        self, username: str, password: str, source: RequestSource, *, approved_only: bool = False
    ) -> AsyncIterator[VerifiedPassword]:
        """Verify a password; the caller calls `open` in the block, in a transaction of its own.

        Raises `NoSuchAccount`, `WrongPassword`, and `TooManyRequests` after too many of these; with `approved_only`
        also `AwaitingApproval`. A failure is recorded after the block, when its transaction has been rolled back.
        """
        attempt = await self._throttling.begin(username, source)
        reason = None
        try:
            with self._throttling.in_flight(attempt):
                verified = await self._verify(attempt, password, approved_only=approved_only)
                reason = "password-changed"  # for a failure from here on
                yield verified
        except WrongCredentials:
            await self._throttling.failed(attempt, reason)
            raise
        except Exception:
            if reason is not None:  # the password was right: what failed is not an attempt to guess it
                with suppress(Exception):  # the database may be what failed
                    await self._throttling.withdraw(attempt)
            raise

    async def open(
        self, where: Statements, verified: VerifiedPassword, client: Client, *, now: int, scope: str | None = None
    ) -> Login:
        """Open a session and sign its first token. Raises `WrongPassword` if the password was changed since it was
        verified."""
        known, replacement = verified.password_changed_at, verified.replacement_hash
        if replacement is not None and not await accounts.replace_hash(where, verified.account_id, known, replacement):
            raise WrongPassword
        attempt = verified.attempt
        login = self._sessions.draft(verified.account_id, client, now=now, scope=scope)
        sign_in = SignIn(
            password_changed_at=known,
            keys=attempt.keys,
            wholly=attempt.is_familiar,
            address=attempt.address_to_remember,
            entry=entry_text(
                Action.SIGNED_IN, attempt.source, account_id=verified.account_id, details={"client": client.client_id}
            ),
        )
        account = await repository.sign_in(where, login, sign_in)
        if account is None:  # a change of the password ends all sessions, and must not miss this one
            raise WrongPassword
        return Login(account, self._sessions.issue(login, account.authority, now=now))

    async def _verify(self, attempt: Attempt, password: str, *, approved_only: bool) -> VerifiedPassword:
        candidate = attempt.account
        try:
            stored = None if candidate is None else candidate.password_hash
            fits, replacement = await self._passwords.verify(password, stored)
        except Unavailable:
            await self._throttling.withdraw(attempt)
            raise
        if candidate is None:
            raise NoSuchAccount
        if not fits:
            raise WrongPassword
        if approved_only and candidate.authority is Authority.NONE:
            await self._throttling.awaits_approval(attempt)
            raise AwaitingApproval
        return VerifiedPassword(attempt, candidate.id, candidate.password_changed_at, replacement)
