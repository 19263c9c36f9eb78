"""The accounts that every installation has: `anonymous`, which has no password and so can't be signed in to, and a
first administrator.

Every replica does this at every start, one at a time. Existing accounts are not changed. What the start of a restored
database takes is done here too.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

import anyio.to_thread
import structlog

from auth_service.account_feed import repository as account_feed
from auth_service.accounts import repository
from auth_service.accounts.models import FIRST_ADMIN_ID
from auth_service.accounts.usernames import clean_username, username_key, username_problem, username_skeletons
from auth_service.audit.service import record_new_account
from auth_service.config import AuthSettings
from auth_service.passwords.hashing import Passwords
from auth_service.passwords.rules import password_problem
from auth_service.request_source import OWN_SOURCE
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.process.startup import StartupError

log = structlog.get_logger()

PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - the name of a file
ANONYMOUS: Final = "anonymous"


class BootstrapFailed(StartupError):
    """The first accounts can't be made; the text says what to do."""


async def bootstrap(database: Database, passwords: Passwords, settings: AuthSettings) -> None:
    """Make the accounts that are missing. Raises `BootstrapFailed`."""
    async with database.writing() as session:
        await repository.lock_bootstrap(session)
        await _ensure_anonymous(session)
        if not await repository.administrator_exists(session, FIRST_ADMIN_ID):
            await _add_administrator(session, passwords, settings)
        await account_feed.claim_changes_of_another_server(session)


async def _ensure_anonymous(session: WriteSession) -> None:
    if await repository.find(session, ANONYMOUS_ACCOUNT) is None:
        values = {
            "id": ANONYMOUS_ACCOUNT,
            "username": ANONYMOUS,
            "username_key": username_key(ANONYMOUS),
            "skeletons": username_skeletons(ANONYMOUS),
            "authority": Authority.NONE,
        }
        if await repository.insert_new(session, values) is None:
            raise BootstrapFailed(f"Another account has the name {ANONYMOUS!r}.")


async def _add_administrator(session: WriteSession, passwords: Passwords, settings: AuthSettings) -> None:
    username = clean_username(settings.admin_username)
    problem = username_problem(username)
    if problem is not None:
        raise BootstrapFailed(f"LIGHTBOX_ADMIN_USERNAME: {problem}")
    if settings.admin_password is None:
        path = settings.data_dir / PASSWORD_FILE
        password = await anyio.to_thread.run_sync(_generated_password, path)
    else:
        path = None
        password = settings.admin_password.get_secret_value()
        problem = password_problem(password, shortest=settings.shortest_password)
        if problem is not None:
            raise BootstrapFailed(f"LIGHTBOX_ADMIN_PASSWORD: {problem}")
    values = {
        "id": FIRST_ADMIN_ID,
        "username": username,
        "username_key": username_key(username),
        "skeletons": username_skeletons(username),
        "password_hash": await passwords.hash(password),
        "authority": Authority.ADMIN,
    }
    account = await repository.insert_new(session, values)
    if account is None:
        raise BootstrapFailed(f"LIGHTBOX_ADMIN_USERNAME: another account has the name {username!r}.")
    await record_new_account(session, OWN_SOURCE, account_id=account.id, authority=Authority.ADMIN)
    log.info("made the administrator", username=username, file=None if path is None else str(path))


def _generated_password(path: Path) -> str:
    """Write a new password to a file, and sync it before the account is made. If there is such a file already, a former
    start did not get as far as the account, and its password is used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _password_of_former_start(path)
    password = secrets.token_urlsafe(18)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{password}\n")
        file.flush()
        os.fsync(descriptor)
    return password


def _password_of_former_start(path: Path) -> str:
    advice = f"{path} is not a private file of this user with a password in it: remove it and start again."
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BootstrapFailed(advice) from error
    try:
        status = os.fstat(descriptor)
        private = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        password = os.read(descriptor, 1024).decode(errors="replace").removesuffix("\n") if private else ""
    finally:
        os.close(descriptor)
    if not password:
        raise BootstrapFailed(advice)
    return password
