"""The rules of accounts: who can have which name, and who has shown that an account is theirs.

A password takes tens of milliseconds to hash, so nothing here holds a connection meanwhile: what is needed before is
read in a session of its own, and the caller's transaction starts after.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from auth_service.accounts import repository
from auth_service.accounts.errors import NoSuchAccount, UsernameTaken, WrongPassword
from auth_service.accounts.models import Account
from auth_service.accounts.names import (
    clean_username,
    password_problem,
    username_key,
    username_problem,
)
from auth_service.accounts.passwords import Passwords
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, Statements, WriteSession
from lightbox_shared.errors import FieldError


@dataclass(frozen=True, slots=True)
class Profile:
    """What people say about themselves; all of it may be missing."""

    nickname: str | None = None
    email: str | None = None
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that somebody wants to sign in to, as it was when they asked."""

    id: int
    password_hash: str | None
    password_changed_at: datetime
    authority: Authority


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody knew the password that an account had since `password_changed_at`."""

    account_id: int
    password_changed_at: datetime
    replacement_hash: str | None
    """The same password in today's kind of hash, where the stored one is outdated."""


NO_PROFILE: Final = Profile()


class Accounts:
    """Registers and authenticates."""

    def __init__(self, database: Database, passwords: Passwords, *, shortest_password: int) -> None:
        self._database = database
        self._passwords = passwords
        self._shortest_password = shortest_password

    @property
    def shortest_password(self) -> int:
        """Characters that a new password has at least."""
        return self._shortest_password

    def problems(self, username: str, password: str) -> list[FieldError]:
        """What is wrong with a new account's name and password, apart from the name being taken."""
        found = {
            "username": username_problem(clean_username(username)),
            "password": password_problem(password, shortest=self._shortest_password),
        }
        return [FieldError(field, message) for field, message in found.items() if message is not None]

    async def is_taken(self, username: str) -> bool:
        """Whether an account has this name already. Only `register` decides; this saves hashing in vain."""
        async with self._database.reading() as session:
            return await repository.find_by_key(session, username_key(username)) is not None

    async def register(
        self,
        session: WriteSession,
        username: str,
        password: str,
        *,
        authority: Authority = Authority.NONE,
        profile: Profile = NO_PROFILE,
    ) -> Account:
        """Add an account; its name and password have no `problems`. Raises `UsernameTaken`.

        Call it before anything else in the transaction: a connection is taken only after the password is hashed.
        """
        password_hash = await self._passwords.hash(password)
        account = await repository.insert_new(
            session,
            {
                "username": clean_username(username),
                "username_key": username_key(username),
                "password_hash": password_hash,
                "authority": authority,
                **asdict(profile),
            },
        )
        if account is None:
            raise UsernameTaken
        return account

    async def check(self, candidate: Candidate | None, password: str) -> Proof:
        """Check a password, in the same time whether or not the account exists; whoever asks counts the guesses
        (`login_throttling`). Raises `NoSuchAccount` or `WrongPassword`, which most dialects answer alike."""
        stored = None if candidate is None else candidate.password_hash
        fits, replacement = await self._passwords.verify(password, stored)
        if candidate is None:
            raise NoSuchAccount
        if not fits:
            raise WrongPassword
        return Proof(candidate.id, candidate.password_changed_at, replacement)

    async def upgrade(self, session: Statements, proof: Proof) -> None:
        """Store the hash that replaces an outdated one. Raises `WrongPassword` if the password was changed since."""
        new, known = proof.replacement_hash, proof.password_changed_at
        if new is not None and not await repository.replace_hash(session, proof.account_id, known, new):
            raise WrongPassword
