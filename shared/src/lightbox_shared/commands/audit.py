"""The audit trail of auth-service, as commands of other services write into it.

Where `lightbox` runs a command, the platform may not be running: the entry goes into the database of auth-service, by
the code that auth-service announces as an entry point. A container has no access to that database, and the entry goes
to the service, as those of requests do.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

import typer

from lightbox_shared.commands.running import local_environment_of

if TYPE_CHECKING:
    from lightbox_shared.audit import AuditTrail
    from lightbox_shared.config import Settings

GROUP: Final = "lightbox.audit"
"""The group of entry points with the one `TrailOfService`."""
KEEPER: Final = "auth-service"

TrailOfService = Callable[[dict[str, str], str], "AbstractAsyncContextManager[AuditTrail]"]
"""Opens the audit trail for the entries of a service, with the settings of auth-service beyond those of the
environment. Raises `CommandError`."""


def audit_trail(
    context: typer.Context, service: str
) -> "Callable[[Settings], AbstractAsyncContextManager[AuditTrail]]":
    """What opens the audit trail for the entries of a service whose command runs, with the settings of that service. It
    raises `NotPrepared` and `CommandError`."""
    from lightbox_shared.audit import AuthServiceAudit
    from lightbox_shared.http import auth_access

    announced: list[TrailOfService] = [each.load() for each in entry_points(group=GROUP)]

    @asynccontextmanager
    async def opened(settings: "Settings") -> "AsyncIterator[AuditTrail]":
        with local_environment_of(context, KEEPER) as given:
            if "database_url" in given:
                [trail_of_service] = announced
                async with trail_of_service(given, service) as trail:
                    yield trail
            else:
                async with auth_access(settings, service) as (_, tokens, http):
                    yield AuthServiceAudit(http, tokens)

    return opened
