"""All SQL that reads the audit trail; `trail` writes to it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select, text

from auth_service.audit.models import AuditEntry, AuditHead
from auth_service.audit.trail import Action, timestamp
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.pagination import PageRequest

BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries; None is any."""

    action: Action | None = None
    actor: str | None = None
    account_id: int | None = None
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""


class Link(NamedTuple):
    """An entry as a part of the chain."""

    sequence: int
    entry: str
    previous_hash: bytes
    hash: bytes


async def page(session: ReadSession | WriteSession, filters: Filters, page: PageRequest) -> Sequence[AuditEntry]:
    """Newest first, one more than the page has.

    Each filter has an index that ends with the sequence, so that a page is read in its order: some milliseconds among
    a million entries. A span of time that is wide and long past is the exception: whatever came after it is passed by,
    half a second for a million entries, on its first page."""
    statement = select(AuditEntry).order_by(AuditEntry.sequence.desc()).limit(page.limit + 1)
    if filters.action is not None:
        statement = statement.where(AuditEntry.action == filters.action.value)
    if filters.actor is not None:
        statement = statement.where(AuditEntry.actor == filters.actor)
    if filters.account_id is not None:
        statement = statement.where(AuditEntry.account_id == filters.account_id)
    if filters.since is not None:
        statement = statement.where(AuditEntry.at >= timestamp(filters.since))
    if filters.until is not None:
        statement = statement.where(AuditEntry.at < timestamp(filters.until))
    if page.after is not None:
        statement = statement.where(AuditEntry.sequence < page.after)
    return (await session.scalars(statement)).all()


async def freeze(session: WriteSession) -> None:
    """Let the transaction see the database as it is now until its end. It must be the first thing in it."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def head(session: WriteSession) -> AuditHead | None:
    """The end of the chain as it was noted; None if somebody removed it."""
    return await session.get(AuditHead, 1)


async def chain(session: WriteSession) -> AsyncIterator[Sequence[Link]]:
    """All entries from the first to the last, in batches of `BATCH`."""
    row = AuditEntry
    statement = select(row.sequence, row.entry, row.previous_hash, row.hash).order_by(row.sequence)
    after: int | None = None
    while True:
        batch = statement if after is None else statement.where(row.sequence > after)
        links = [Link(*each) for each in await session.execute(batch.limit(BATCH))]
        if not links:
            return
        yield links
        after = links[-1].sequence
