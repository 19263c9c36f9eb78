"""Registering passkeys, and signing in with them.

A challenge is in the database for five minutes and is used once. A passkey can't be guessed, so an attempt with a wrong
one is counted for the address and for the credential, and not for an account: whoever guesses passwords does not keep
an owner with a passkey out.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auth_service.accounts import repository as accounts
from auth_service.accounts.authorization import still_signed_in
from auth_service.accounts.models import Account
from auth_service.audit.entries import Action
from auth_service.audit.service import record
from auth_service.caller import Caller
from auth_service.login_throttling.service import LoginThrottling
from auth_service.passkeys import ceremonies, repository
from auth_service.passkeys.errors import (
    LastWayToSignIn,
    PasskeyAwaitsApproval,
    PasskeyKnown,
    SignInTooOld,
    TooManyPasskeys,
    UnusablePasskey,
    WrongPasskey,
)
from auth_service.passkeys.models import Passkey
from auth_service.passkeys.relying_party import RelyingParty
from auth_service.passkeys.schemas import AuthenticationCredential, NewPasskey
from auth_service.request_source import RequestSource
from auth_service.sessions.service import Client, IssuedToken, Sessions
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, ReadSession, WriteSession
from lightbox_shared.errors import NotFound
from lightbox_shared.responses.pagination import Page, PageRequest

CLIENT: Final = Client("passkey", timedelta(hours=12))
CHALLENGE_BYTES: Final = 32
CHALLENGE_LIFETIME: Final = timedelta(seconds=ceremonies.TIMEOUT_SECONDS)
FRESH: Final = timedelta(minutes=10)
"""A passkey is added within so long after a sign-in."""
MOST_PASSKEYS: Final = 20


@dataclass(frozen=True, slots=True)
class PasskeyLogin:
    """An account that has signed in, and the token of its session."""

    account: Account
    issued: IssuedToken


class Passkeys:
    """The use cases. Those of accounts that are signed in run in the transaction of the caller."""

    def __init__(self, database: Database, sessions: Sessions, throttling: LoginThrottling) -> None:
        self._database = database
        self._sessions = sessions
        self._throttling = throttling

    async def registration_options(self, session: WriteSession, caller: Caller, party: RelyingParty) -> dict[str, Any]:
        """The options with which a browser makes a credential. Raises `SignInTooOld` and `TooManyPasskeys`."""
        self._check_fresh(caller)
        known = await repository.of_account(session, caller.id)
        if len(known) >= MOST_PASSKEYS:
            raise TooManyPasskeys(MOST_PASSKEYS)
        handle = await repository.user_handle(session, caller.id, secrets.token_bytes(32))
        challenge = await self._challenge(session, caller.id)
        ids = [each.credential_id for each in known]
        return ceremonies.registration_options(
            party, challenge=challenge, user_handle=handle, username=caller.username, known=ids
        )

    async def register(
        self, session: WriteSession, caller: Caller, party: RelyingParty, new: NewPasskey, source: RequestSource
    ) -> Passkey:
        """Add a credential to an account. Raises `SignInTooOld`, `UnusablePasskey`, `PasskeyKnown` and
        `TooManyPasskeys`."""
        self._check_fresh(caller)
        challenge = ceremonies.challenge_of(new.credential)
        if not await repository.take_challenge(session, challenge, caller.id, self._now()):
            raise UnusablePasskey
        verified = ceremonies.verify_registration(party, new.credential, challenge)
        if await accounts.lock(session, caller.id) is None:
            raise NotFound
        await still_signed_in(session, caller)  # after the lock: a new password, which ends sessions, comes before
        if len(await repository.of_account(session, caller.id)) >= MOST_PASSKEYS:
            raise TooManyPasskeys(MOST_PASSKEYS)
        if await repository.is_known(session, verified.credential_id):
            raise PasskeyKnown
        row = Passkey(
            account_id=caller.id,
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=new.credential.response.transports,
            backed_up=verified.credential_backed_up,
            name=new.name,
        )
        await repository.insert_passkey(session, row)
        await record(session, Action.PASSKEY_ADDED, source, account_id=caller.id, passkey_id=row.id)
        return row

    async def listed(self, session: ReadSession, caller: Caller, page: PageRequest) -> Page[Passkey]:
        """The passkeys of an account, newest first."""
        rows = await repository.page_of_account(session, caller.id, page)
        return Page.of(rows, page, lambda row: row.id)

    async def rename(
        self, session: WriteSession, caller: Caller, passkey_id: int, name: str, source: RequestSource
    ) -> Passkey:
        """Give a passkey another name. Raises `NotFound`."""
        row = await repository.lock(session, caller.id, passkey_id)
        if row is None:
            raise NotFound
        await repository.rename(session, row, name)
        await record(session, Action.PASSKEY_RENAMED, source, account_id=caller.id, passkey_id=passkey_id)
        return row

    async def delete(self, session: WriteSession, caller: Caller, passkey_id: int, source: RequestSource) -> None:
        """Delete a passkey. Sessions that it has opened go on. Raises `NotFound` and `LastWayToSignIn`."""
        account = await accounts.lock(session, caller.id)
        row = await repository.lock(session, caller.id, passkey_id)
        if account is None or row is None:
            raise NotFound
        if account.password_hash is None and len(await repository.of_account(session, caller.id)) == 1:
            raise LastWayToSignIn
        await repository.remove(session, row)
        await record(session, Action.PASSKEY_DELETED, source, account_id=caller.id, passkey_id=passkey_id)

    async def sign_in_options(self, session: WriteSession, party: RelyingParty) -> dict[str, Any]:
        """The options with which a browser asks for a passkey of this host."""
        return ceremonies.authentication_options(party, challenge=await self._challenge(session, None))

    async def sign_in(
        self, party: RelyingParty, credential: AuthenticationCredential, source: RequestSource
    ) -> PasskeyLogin:
        """Open a session for the account of a passkey. It owns its transactions, since a failure is recorded although
        the request fails. Raises `WrongPasskey`, `PasskeyAwaitsApproval`, and `TooManyFailures`."""
        attempt = await self._throttling.begin(_counted_as(credential), source)
        with self._throttling.in_flight(attempt):
            async with self._database.writing() as session:
                found = await self._sign_in(session, party, credential, source)
            if isinstance(found, PasskeyLogin):
                await self._throttling.withdraw(attempt)
                return found
        await self._throttling.failed(attempt, found.code)
        raise found

    async def _sign_in(
        self, session: WriteSession, party: RelyingParty, credential: AuthenticationCredential, source: RequestSource
    ) -> PasskeyLogin | WrongPasskey | PasskeyAwaitsApproval:
        """The session, or what is wrong. The challenge is used up in both cases, which has to be committed."""
        now, challenge = self._sessions.now(), ceremonies.challenge_of(credential)
        if not await repository.take_challenge(session, challenge, None, _time(now)):
            return WrongPasskey()
        try:
            found = await repository.lock_credential(session, ceremonies.credential_id_of(credential))
            handle = ceremonies.user_handle_of(credential)
            if found is None or handle != found[2]:  # there is one, as no credential was asked for by its id
                return WrongPasskey()
            row, account, _ = found
            verified = ceremonies.verify_authentication(party, credential, challenge, row.public_key)
        except WrongPasskey as error:
            return error
        if verified.new_sign_count <= row.sign_count and (row.sign_count or verified.new_sign_count):
            went_back = Action.PASSKEY_COUNTER_WENT_BACK
            await record(session, went_back, source, account_id=account.id, passkey_id=row.id)
            return WrongPasskey()
        if account.authority == Authority.NONE:
            return PasskeyAwaitsApproval()
        await repository.set_used(
            session, row, sign_count=verified.new_sign_count, backed_up=verified.credential_backed_up, at=_time(now)
        )
        login = await self._sessions.open(session, account.id, CLIENT, now=now)
        await self._throttling.remember(session, account.id, source)
        client = CLIENT.client_id
        await record(session, Action.SIGNED_IN, source, account_id=account.id, client=client, passkey_id=row.id)
        return PasskeyLogin(account, self._sessions.issue(login, account.authority, now=now))

    async def _challenge(self, session: WriteSession, account_id: int | None) -> bytes:
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        await repository.insert_challenge(session, challenge, account_id, self._now() + CHALLENGE_LIFETIME)
        return challenge

    def _check_fresh(self, caller: Caller) -> None:
        if self._now() - caller.signed_in_at > FRESH:
            raise SignInTooOld

    def _now(self) -> datetime:
        return _time(self._sessions.now())


def _time(now: int) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _counted_as(credential: AuthenticationCredential) -> str:
    """The name by which attempts with a credential are counted. No account can have it."""
    return f"\0passkey {hashlib.sha256(credential.id.encode()).hexdigest()}"
