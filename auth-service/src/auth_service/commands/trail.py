"""The audit trail for the commands of other services, which run on one machine with this service's database."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from auth_service.audit.schemas import EntryOfService
from auth_service.audit.service import record_for_service
from auth_service.config import AuthSettings
from lightbox_shared.audit import Actor, AuditTrail, Detail
from lightbox_shared.commands.running import service_database
from lightbox_shared.database import Database


class _Trail:
    """Writes the entries of a service as `/internal/audit` does. It is an `AuditTrail`."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self._service = service

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        entry = {"action": action, "actor": actor, "address": address, "details": dict(details)}
        async with self._database.writing() as session:
            await record_for_service(session, self._service, EntryOfService.model_validate(entry))


@asynccontextmanager
async def trail_of_service(given: dict[str, str], service: str) -> AsyncIterator[AuditTrail]:
    """The audit trail for the entries of `service`; see `lightbox_shared.commands.audit`."""
    async with service_database("auth-service", AuthSettings, given) as (_, database):
        yield _Trail(database, service)
