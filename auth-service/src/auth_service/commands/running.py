"""How the commands of this service run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from lightbox_shared.commands.running import run_on_database

if TYPE_CHECKING:
    from auth_service.commands.services import Services

Result = TypeVar("Result")
SERVICE: Final = "auth-service"


def run(context: typer.Context, work: "Callable[[Services], Awaitable[Result]]") -> Result:
    """Do `work` in an event loop. Raises `typer.Exit` after saying what went wrong."""
    from auth_service.commands.services import opened
    from auth_service.config import AuthSettings
    from auth_service.imports.files import UnreadableFile
    from auth_service.keys.errors import WrongSecretKey

    return run_on_database(context, SERVICE, AuthSettings, opened, work, sentences=(WrongSecretKey, UnreadableFile))
