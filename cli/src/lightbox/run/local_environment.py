"""The settings that commands of services need on this machine: the URL of the database, and the secret key.

They are read from the data folder of `lightbox run`. If the platform is not running, its database server is started for
the time of the command.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from lightbox.run.databases import on_server
from lightbox.run.postgres import PostgresError, PostgresServer
from lightbox.service_secrets import load
from lightbox_shared.commands import NotPrepared
from lightbox_shared.commands.running import problems
from lightbox_shared.config import Settings
from lightbox_shared.installation import service_named

COMPLETE = ("LIGHTBOX_DATABASE_URL", "LIGHTBOX_SECRET_KEY")
"""If both are set, the data folder is not used."""
LOCK = "command.lock"
_OPENED: ContextVar[tuple[Path, PostgresServer] | None] = ContextVar("opened server", default=None)


@contextmanager
def local_environment(service: str) -> Iterator[dict[str, str]]:
    """Yield the settings of a service, whose database server runs until the end of the context.

    This is a `lightbox_shared.commands.LocalEnvironment`. Raises `NotPrepared`.
    """
    if all(os.environ.get(name) for name in COMPLETE):
        yield {}
        return
    settings = _settings()
    folder = settings.data_dir.resolve()
    own = {"secret_key": _secret_key(folder, service), "data_dir": str(folder)}
    name = service_named(service).database
    if settings.database_url:
        yield {**own, "database_url": on_server(settings.database_url, name)}
        return
    with _server(folder) as server:
        yield {**own, "database_url": server.url(name, user=name)}


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise NotPrepared(problems(error, prefix="LIGHTBOX_")) from None


def _secret_key(folder: Path, service: str) -> str:
    path = folder / "secrets.json"
    advice = "Start the platform once (`lightbox run`), or set " + " and ".join(COMPLETE) + "."
    try:
        owner = path.stat().st_uid
        known = load(path)
    except FileNotFoundError:
        raise NotPrepared(f"There is no platform in {folder} (LIGHTBOX_DATA_DIR). {advice}") from None
    except PermissionError:
        raise NotPrepared(f"{path} can't be read: the platform belongs to another user.") from None
    except (OSError, ValueError, TypeError) as error:
        raise NotPrepared(f"{path} can't be read ({type(error).__name__}).") from None
    if owner != os.geteuid():  # root could read it, but the database server would change the owner of the data
        raise NotPrepared(f"The platform in {folder} belongs to the user with the id {owner}: be that user.")
    if service not in known:
        raise NotPrepared(f"{path} knows no {service}. {advice}")
    return known[service].secret_key


@contextmanager
def _server(folder: Path) -> Iterator[PostgresServer]:
    """Yield the platform's database server, which is started for the time of the context unless it is running.

    Inside of the context further ones yield the same server. Commands that start one wait for each other, so that none
    stops the server that another uses.
    """
    opened = _OPENED.get()
    if opened is not None and opened[0] == folder:
        yield opened[1]
        return
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = False
        try:
            server = PostgresServer.at(folder)
            if not (server.data / "PG_VERSION").exists():
                raise NotPrepared(f"There is no database in {folder}. Start the platform once (`lightbox run`).")
            started = not server.is_running()
            if started:
                Console(stderr=True).print("The platform does not run: starting its database for this command ...")
                server.start()
            else:
                fcntl.flock(lock, fcntl.LOCK_UN)
        except (PostgresError, OSError) as error:
            raise NotPrepared(str(error)) from None
        mark = _OPENED.set((folder, server))
        try:
            yield server
        finally:
            _OPENED.reset(mark)
            if started:
                server.stop()
