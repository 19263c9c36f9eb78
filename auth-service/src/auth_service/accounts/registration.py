"""New accounts, whichever way they are made.

Hashing a password takes tens of milliseconds, and no database connection is held meanwhile. So registering an account
has two steps: `prepare`, then `insert` in the transaction of the use case.
"""

from dataclasses import dataclass, field

from auth_service.accounts import repository
from auth_service.accounts.errors import UsernameTaken
from auth_service.accounts.models import Account
from auth_service.accounts.usernames import clean_username, username_key
from auth_service.passwords.hashing import Passwords
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, WriteSession


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made. Its fields have been validated (`accounts.fields`)."""

    username: str
    password: str = field(repr=False)
    authority: Authority = Authority.NONE
    nickname: str | None = None
    email: str | None = None
    photo: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedAccount:
    """A new account whose password is hashed."""

    new: NewAccount
    password_hash: str = field(repr=False)


class Registration:
    """Makes accounts."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def is_taken(self, username: str) -> bool:
        """Whether an account has this name at the moment. Only `insert` decides; this saves a hash in vain."""
        async with self._database.reading() as session:
            return await repository.find_by_key(session, username_key(username)) is not None

    async def prepare(self, new: NewAccount) -> PreparedAccount:
        """Hash the password of a new account. Raises `UsernameTaken`, and `Unavailable` when too many passwords wait to
        be hashed."""
        if await self.is_taken(new.username):
            raise UsernameTaken
        return PreparedAccount(new, await self._passwords.hash(new.password))

    @staticmethod
    async def insert(session: WriteSession, prepared: PreparedAccount) -> Account:
        """Add the account. Raises `UsernameTaken`."""
        new = prepared.new
        account = await repository.insert_new(
            session,
            {
                "username": clean_username(new.username),
                "username_key": username_key(new.username),
                "password_hash": prepared.password_hash,
                "authority": new.authority,
                "nickname": new.nickname,
                "email": new.email,
                "photo": new.photo,
            },
        )
        if account is None:
            raise UsernameTaken
        return account
