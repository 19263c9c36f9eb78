"""The client for the audit trail, which belongs to auth-service."""

from collections.abc import Mapping
from typing import Final, Protocol

from lightbox_shared.errors import Unavailable
from lightbox_shared.http import ServiceClient

EXPORT_CREATED: Final = "export-created"

Detail = str | int | bool | list[str] | None
"""What a detail of an entry may be."""


class AuditTrail(Protocol):
    """Where it is written down what accounts do."""

    async def record_export(self, account_id: int, address: str | None, details: Mapping[str, Detail]) -> None:
        """Write down that an account takes results out. `address` is where its request came from.

        Returns when the entry is durable. Raises `Unavailable` if it can't be written.
        """
        ...


class AuthServiceAudit(ServiceClient):
    """The audit trail of auth-service, at its path `/internal/audit`."""

    async def record_export(self, account_id: int, address: str | None, details: Mapping[str, Detail]) -> None:
        """See `AuditTrail.record_export`."""
        entry = {"action": EXPORT_CREATED, "actor": account_id, "address": address, "details": dict(details)}
        answer = await self.post("/internal/audit", entry)
        if not answer.is_success:
            raise Unavailable("The audit trail does not take the entry that this needs.")
