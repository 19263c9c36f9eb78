"""The bodies of responses about the audit trail."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from auth_service.audit.entries import Action, Detail
from auth_service.audit.models import AuditEntry
from lightbox_shared.audit import CommandLine


class AuditEntryBody(BaseModel):
    """An entry of the audit trail."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    sequence: int
    """The entry's number; the first entry has 1."""
    at: str
    """ISO 8601 in UTC."""
    action: str
    actor: str
    """Who acted: `account:<id>`, `service:<name>`, `command-line`, or `nobody` for a request that had not shown yet
    which account it was from."""
    account_id: int | None
    """The account that the action concerns."""
    address: str | None
    """The client's address; null on the command line."""
    details: dict[str, Any]
    hash: str
    """SHA-256, hexadecimal; binds the entry to all entries before it."""

    @classmethod
    def of(cls, row: AuditEntry) -> Self:
        """From a row."""
        return cls(sequence=row.sequence, hash=row.hash.hex(), **json.loads(row.entry))


class EntryOfService(BaseModel):
    """What an account did at another service, or a command of that service."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    action: Literal[
        Action.EXPORT_CREATED,
        Action.LABELLING_IMAGE_DELETED,
        Action.LABELLING_JOB_DELETED,
        Action.GALLERY_GROUP_DELETED,
        Action.GALLERY_GROUPS_MERGED,
        Action.GALLERY_PICTURE_DELETED,
        Action.DRIVE_ITEM_DELETED,
        Action.DRIVE_DISCONNECTED,
        Action.GALLERY_SHARE_CREATED,
        Action.GALLERY_SHARE_CHANGED,
        Action.GALLERY_SHARE_REVOKED,
        Action.COLLECTION_PICTURE_DELETED,
        Action.RETENTION_RULE_CHANGED,
        Action.RETENTION_RULE_DELETED,
    ]
    actor: Annotated[int, Field(ge=1, lt=2**63)] | CommandLine
    """The account that did it, or the command line."""
    address: Annotated[str, StringConstraints(max_length=64, pattern=r"^[!-~]+$")] | None = None
    """Where its request came from."""
    details: Annotated[dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")], Detail], Field(max_length=20)]
    """Neither secrets nor text that people typed, with one exception: the device that a rule of retention is about."""


class AuditPage(BaseModel):
    """A page of the audit trail."""

    entries: list[AuditEntryBody]
    next_cursor: str | None
