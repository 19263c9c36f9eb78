"""`python -m auth_service.keys rotate` and `... list`: by hand or from a timer, against the database of a platform that
runs or not. Reads LIGHTBOX_DATABASE_URL (or DATABASE_URL) and LIGHTBOX_SECRET_KEY.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
from pydantic import ValidationError

from auth_service.config import AuthSettings
from auth_service.keys import repository
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.errors import WrongSecretKey
from auth_service.keys.models import SigningKey
from auth_service.keys.rotation import rotate
from lightbox_shared.database import Database
from lightbox_shared.logging import configure_logging


async def rotate_keys(database: Database, settings: AuthSettings) -> str:
    """Publish a new key; returns what to tell."""
    cipher = KeyCipher(settings.secret_key.get_secret_value())
    kid = await rotate(database, cipher, datetime.now(UTC))
    return f"Published the key {kid}.\n{await list_keys(database, settings)}"


async def list_keys(database: Database, _settings: AuthSettings) -> str:
    """One line a key, the newest first."""
    async with database.reading() as session:
        rows = await repository.all_keys(session)
    now = datetime.now(UTC)
    signer = max((row for row in rows if row.signs_from <= now), key=lambda row: row.signs_from, default=None)
    return "\n".join(_line(row, now, signs=row is signer) for row in rows) or "There are no keys yet."


def _line(row: SigningKey, now: datetime, *, signs: bool) -> str:
    retired = row.retires_at is not None and row.retires_at <= now
    waiting = row.signs_from > now
    state = "retired" if retired else "signs" if signs else "waits" if waiting else "verifies"
    retires = "-" if row.retires_at is None else f"{row.retires_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"{row.kid}  {state:8}  signs from {row.signs_from:%Y-%m-%dT%H:%M:%SZ}  retires {retires}"


COMMANDS = {"rotate": rotate_keys, "list": list_keys}


async def run(command: str, settings: AuthSettings) -> str:
    """Run a command; returns what to tell."""
    database = Database(settings.database_url, pool_size=1)
    try:
        return await COMMANDS[command](database, settings)
    finally:
        await database.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or 1 after saying on standard error what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m auth_service.keys", description="The keys that sign tokens.")
    parser.add_argument("command", choices=COMMANDS, help="rotate: publish a new key; list: show all")
    command = parser.parse_args(arguments).command
    configure_logging("auth-service", "warning", "console")  # what a command has to say, it says by itself
    try:
        sys.stdout.write(f"{anyio.run(run, command, AuthSettings())}\n")
    except (ValidationError, WrongSecretKey) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
