"""How the commands of this service run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from lightbox_shared.commands.running import run_work

if TYPE_CHECKING:
    from auth_service.commands.services import Services

Result = TypeVar("Result")
SERVICE: Final = "auth-service"


def run(context: typer.Context, work: "Callable[[Services], Awaitable[Result]]") -> Result:
    """Do `work` in an event loop. Raises `typer.Exit` after saying what went wrong."""
    from auth_service.commands.services import opened
    from auth_service.imports.files import UnreadableFile
    from auth_service.keys.errors import WrongSecretKey

    return run_work(context, SERVICE, opened, work, sentences=(WrongSecretKey, UnreadableFile))
