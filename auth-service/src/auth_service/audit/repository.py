"""The queries on the audit trail."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import insert, select, text

from auth_service.audit.entries import Action, timestamp
from auth_service.audit.models import AuditEntry, AuditHead
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries to list; None for all."""

    action: Action | None = None
    actor: str | None = None
    account_id: int | None = None
    since: datetime | None = None
    """Inclusive."""
    until: datetime | None = None
    """Exclusive."""


class Link(NamedTuple):
    """An entry with its place in the chain."""

    sequence: int
    entry: str
    previous_hash: bytes
    hash: bytes


async def append(session: WriteSession, entry: str) -> None:
    """Add an entry to the end of the chain, which is locked until the transaction ends."""
    await session.execute(insert(AuditEntry.__table__).values(entry=entry))  # type: ignore[arg-type]


async def page(session: ReadSession | WriteSession, filters: Filters, page: PageRequest) -> Sequence[AuditEntry]:
    """The entries of a page, newest first, and one more if there is a next page.

    Each filter has an index that ends with the sequence, so a page is read in the order of an index: some milliseconds
    with a million entries. The exception is a wide span of time that is long past: its first page passes by all later
    entries, half a second for a million of them.
    """
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
    """Let the transaction see the database as it is now until its end. Call it before anything else in it."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def head(session: WriteSession) -> AuditHead | None:
    """The row that has the number and the hash of the last entry; None if it was removed."""
    return await session.get(AuditHead, 1)


async def chain(session: WriteSession) -> AsyncIterator[Sequence[Link]]:
    """All entries from the first to the last, in batches of `BATCH` entries."""
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
