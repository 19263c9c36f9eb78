"""An audit trail for the tests of the collection."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from core_collection_service.pictures.delete.service import Deletions
from core_collection_service.state import Services
from lightbox_shared.audit import Actor, Detail
from lightbox_shared.errors import Unavailable
from support.asgi import WithState


@dataclass
class KeptAudit:
    """An audit trail in memory, which can be out of reach; `meanwhile` happens while it writes."""

    entries: list[tuple[str, Actor, dict[str, Detail]]] = field(default_factory=list)
    is_down: bool = False
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def record(self, action: str, actor: Actor, address: str | None, details: Mapping[str, Detail]) -> None:
        assert address == "127.0.0.1"
        if self.is_down:
            raise Unavailable
        self.entries.append((action, actor, dict(details)))
        if self.meanwhile is not None:
            await self.meanwhile()


def with_audit(app: WithState, audit: KeptAudit) -> WithState:
    """The service, whose deletions are written down in `audit`."""
    services: Services = app.state["services"]
    deletions = Deletions(app.state["database"], services.storage, audit, services.response_cache.clear)
    return WithState(app.app, {**app.state, "services": replace(services, deletions=deletions)})
