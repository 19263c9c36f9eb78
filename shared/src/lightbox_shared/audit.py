"""The audit trail, which belongs to auth-service, as other services write into it."""

from collections.abc import Mapping
from typing import Protocol

from lightbox_shared.errors import Unavailable
from lightbox_shared.http import ServiceClient

Detail = str | int | bool | list[str] | None
"""What a detail of an entry may be."""


class AuditTrail(Protocol):
    """Where it is written down what accounts do."""

    async def record(self, action: str, account_id: int, address: str | None, details: Mapping[str, Detail]) -> None:
        """Write down what an account does. `action` is one that auth-service knows of services (`EntryOfService`),
        `address` is where the request came from, and `details` have neither secrets nor text that people typed.

        Returns when the entry is durable. Raises `Unavailable` if it can't be written.
        """
        ...


class AuthServiceAudit(ServiceClient):
    """The audit trail of auth-service, at its path `/internal/audit`."""

    async def record(self, action: str, account_id: int, address: str | None, details: Mapping[str, Detail]) -> None:
        """See `AuditTrail.record`."""
        entry = {"action": action, "actor": account_id, "address": address, "details": dict(details)}
        answer = await self.post("/internal/audit", entry)
        if not answer.is_success:
            raise Unavailable("The audit trail does not take the entry that this needs.")
