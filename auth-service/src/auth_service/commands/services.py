"""The parts of the service that commands work with, and the account that a command names."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from auth_service.accounts import repository
from auth_service.accounts.models import Account
from auth_service.accounts.usernames import LONGEST_TYPED_USERNAME, clean_username, username_key, username_problem
from auth_service.config import AuthSettings
from auth_service.passwords.hashing import Passwords
from auth_service.state import Services, assemble
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.commands.running import START_ONCE
from lightbox_shared.commands.terminal import CommandError
from lightbox_shared.database import Database

_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@asynccontextmanager
async def open_services(settings: AuthSettings, database: Database) -> AsyncIterator[Services]:
    """The parts of the service. Raises `CommandError` if the service has never started on this database."""
    async with database.reading() as session:
        if await repository.find(session, ANONYMOUS_ACCOUNT) is None:
            raise CommandError(START_ONCE)
    passwords = await Passwords.start()
    try:
        yield assemble(settings, database, passwords)
    finally:
        passwords.close()


async def find_account(services: Services, named: str, *, by_id: bool) -> Account:
    """The account with a name or, with `by_id`, an id. Raises `CommandError` for an unknown and for the reserved
    one."""
    found = None
    async with services.database.reading() as session:
        if not by_id and len(named) <= LONGEST_TYPED_USERNAME and username_problem(clean_username(named)) is None:
            found = await repository.find_by_key(session, username_key(named))
        elif by_id and _ID.fullmatch(named):
            found = await repository.find(session, int(named))
    if found is None:
        raise CommandError("There is no such account.")
    if found.id == ANONYMOUS_ACCOUNT:
        raise CommandError("This account is nobody's, and stays as it is.")
    return found
