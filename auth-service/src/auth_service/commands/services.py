"""What commands work with: the services of this application, put together without serving anybody."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from auth_service.accounts import repository
from auth_service.accounts.changes import AccountChanges
from auth_service.accounts.models import Account
from auth_service.accounts.names import LONGEST_TYPED_USERNAME, clean_username, username_key, username_problem
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.registration import Accounts
from auth_service.api_keys.service import ApiKeys
from auth_service.config import AuthSettings
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.service import SigningKeys
from auth_service.sessions.service import Sessions
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.commands.running import START_ONCE
from lightbox_shared.commands.terminal import Complaint
from lightbox_shared.database import Database

_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Services:
    """As in `state.AuthState`, what commands need of it."""

    database: Database
    settings: AuthSettings
    cipher: KeyCipher
    accounts: Accounts
    management: AccountChanges
    api_keys: ApiKeys

    async def account(self, named: str, *, by_id: bool) -> Account:
        """An account that is somebody's, by its name or its id. Raises `Complaint`."""
        found = None
        async with self.database.reading() as session:
            if not by_id and len(named) <= LONGEST_TYPED_USERNAME and username_problem(clean_username(named)) is None:
                found = await repository.find_by_key(session, username_key(named))
            elif by_id and _ID.fullmatch(named):
                found = await repository.find(session, int(named))
        if found is None:
            raise Complaint("There is no such account.")
        if found.id == ANONYMOUS_ACCOUNT:
            raise Complaint("This account is nobody's, and stays as it is.")
        return found


@asynccontextmanager
async def opened(settings: AuthSettings, database: Database) -> AsyncIterator[Services]:
    """The services on this database. Raises `Complaint` for a platform that was never started."""
    async with database.reading() as session:
        if await repository.find(session, ANONYMOUS_ACCOUNT) is None:
            raise Complaint(START_ONCE)
    passwords = await Passwords.start()
    try:
        yield _services(database, passwords, settings)
    finally:
        passwords.close()


def _services(database: Database, passwords: Passwords, settings: AuthSettings) -> Services:
    cipher = KeyCipher(settings.secret_key.get_secret_value())
    # It signs nothing here: no key is ever read.
    sessions = Sessions(TokenIssuer(SigningKeys(database, cipher), issuer=settings.issuer))
    return Services(
        database=database,
        settings=settings,
        cipher=cipher,
        accounts=Accounts(database, passwords, shortest_password=settings.shortest_password),
        management=AccountChanges(passwords, sessions),
        api_keys=ApiKeys(sessions),
    )
