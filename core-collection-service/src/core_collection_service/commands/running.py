"""How the commands of this service run."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from lightbox_shared.commands.running import run_on_database

if TYPE_CHECKING:
    from core_collection_service.commands.services import Services

Result = TypeVar("Result")
SERVICE: Final = "core-collection-service"


def run(context: typer.Context, work: "Callable[[Services], Awaitable[Result]]") -> Result:
    """Do `work` in an event loop. Raises `typer.Exit` after saying what went wrong."""
    from core_collection_service.commands.services import opened
    from core_collection_service.config import CoreSettings
    from core_collection_service.retention.service import ObjectsOutOfReach

    return run_on_database(context, SERVICE, CoreSettings, opened, work, sentences=(ObjectsOutOfReach,))
