"""The audit trail, which belongs to auth-service, as other services write into it."""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

import structlog

from lightbox_shared.errors import Unavailable
from lightbox_shared.http import ServiceClient

log = structlog.get_logger()

Detail = str | int | bool | list[str] | None
"""What a detail of an entry may be."""
CommandLine = Literal["command-line"]
COMMAND_LINE: Final[CommandLine] = "command-line"
Actor = int | CommandLine
"""Who acts: the id of an account, or the command line."""


class AuditTrail(Protocol):
    """Where it is written down what accounts do, and what commands do in their place."""

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        """Write down what `actor` does. `action` is one that auth-service knows of services (`EntryOfService`),
        `address` is where the request came from, None for a command, and `details` have neither secrets nor text that
        people typed, but for ids of devices.

        Returns when the entry is durable. Raises `Unavailable` if it can't be written.
        """
        ...


class AuthServiceAudit(ServiceClient):
    """The audit trail of auth-service, at its path `/internal/audit`."""

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        """See `AuditTrail.record`."""
        entry = {"action": action, "actor": actor, "address": address, "details": dict(details)}
        answer = await self.post("/internal/audit", entry)
        if not answer.is_success:
            raise Unavailable("The audit trail does not take the entry that this needs.")


async def record_afterwards(
    audit: AuditTrail, action: str, account_id: int, address: str, details: Mapping[str, Detail]
) -> None:
    """Write down what an account has done. Where the audit trail does not answer, the entry is in the log alone, since
    what is done can't be refused any more."""
    try:
        await audit.record(action, account_id, address, details)
    except Unavailable:
        log.exception("the audit trail has not taken an entry", action=action, account_id=account_id, **details)
