"""New accounts, whichever way they are made.

Hashing a password takes tens of milliseconds, and no database connection is held meanwhile. So registering an account
has two steps: `prepare`, then `insert` in the transaction of the use case.
"""

from dataclasses import dataclass, field

from auth_service.accounts import repository
from auth_service.accounts.errors import UsernameLooksAlike, UsernameTaken
from auth_service.accounts.models import Account
from auth_service.accounts.usernames import clean_username, username_key, username_skeletons
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

    async def refusal(self, username: str) -> UsernameTaken | UsernameLooksAlike | None:
        """Why no account can have this name at the moment, or None. Only `insert` decides; this saves a hash in
        vain."""
        key = username_key(username)
        async with self._database.reading() as session:
            if await repository.find_by_key(session, key) is not None:
                return UsernameTaken()
            if await repository.looks_like_another(session, key, username_skeletons(username)):
                return UsernameLooksAlike()
        return None

    async def prepare(self, new: NewAccount) -> PreparedAccount:
        """Hash the password of a new account. Raises `UsernameTaken`, `UsernameLooksAlike`, and `Unavailable` when too
        many passwords wait to be hashed."""
        refusal = await self.refusal(new.username)
        if refusal is not None:
            raise refusal
        return PreparedAccount(new, await self._passwords.hash(new.password))

    @staticmethod
    async def insert(session: WriteSession, prepared: PreparedAccount) -> Account:
        """Add the account. Raises `UsernameTaken` and `UsernameLooksAlike`."""
        new = prepared.new
        skeletons = await claim_look(session, new.username)
        account = await repository.insert_new(
            session,
            {
                "username": clean_username(new.username),
                "username_key": username_key(new.username),
                "skeletons": skeletons,
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


async def claim_look(session: WriteSession, username: str, *, except_id: int | None = None) -> list[str]:
    """The skeletons of a name that an account gets in this transaction; no other transaction can give a name that looks
    like it until then. Raises `UsernameLooksAlike`, also where two of them are under way."""
    skeletons = username_skeletons(username)
    await repository.lock_skeletons(session, skeletons)
    if await repository.looks_like_another(session, username_key(username), skeletons, except_id=except_id):
        raise UsernameLooksAlike
    return skeletons
