"""The audit trail on the wire."""

import json
from typing import Any, Self

from pydantic import BaseModel

from auth_service.audit.models import AuditEntry


class AuditEntryBody(BaseModel):
    """One thing that happened."""

    sequence: int
    at: str
    """ISO 8601 in UTC."""
    action: str
    actor: str
    """Who did it: `account:<id>`, `service:<name>`, `command-line` or `nobody`."""
    account_id: int | None
    """Whom it concerns."""
    address: str | None
    details: dict[str, Any]
    hash: str
    """Hexadecimal; binds the entry to all before it."""

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        """From a row."""
        return cls(sequence=row.sequence, hash=row.hash.hex(), **json.loads(row.entry))


class AuditPage(BaseModel):
    """One page."""

    entries: list[AuditEntryBody]
    next_cursor: str | None
