"""How the commands of this service run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from lightbox_shared.commands.running import run_on_database

if TYPE_CHECKING:
    from auth_service.state import Services

Result = TypeVar("Result")


def run(context: typer.Context, work: "Callable[[Services], Awaitable[Result]]") -> Result:
    """Do `work` in an event loop. Raises `typer.Exit` after saying what went wrong."""
    from auth_service.commands.services import open_services
    from auth_service.config import AuthSettings
    from auth_service.imports.files import UnreadableFile
    from auth_service.keys.errors import WrongSecretKey

    sentences = (WrongSecretKey, UnreadableFile)
    return run_on_database(context, "auth-service", AuthSettings, open_services, work, sentences=sentences)
