"""The tables of the audit trail.

The chain is made by a trigger (migration 0002): it numbers an entry, copies the hash of the one before, and computes
`hash = SHA-256(previous_hash || "<sequence> " || entry)`. Another trigger refuses to change or delete entries.
"""

from sqlalchemy import BigInteger, CheckConstraint, Computed, FetchedValue, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import Base


class AuditEntry(Base):
    """An entry. Its text is what is hashed; the columns for filters are computed from the text."""

    __tablename__ = "audit_entries"

    sequence: Mapped[int] = mapped_column(BigInteger, FetchedValue(), primary_key=True, autoincrement=False)
    """Counts from 1, without gaps."""
    entry: Mapped[str] = mapped_column(Text)
    """JSON: at, action, actor, account_id, address, details."""
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary, FetchedValue())
    hash: Mapped[bytes] = mapped_column(LargeBinary, FetchedValue())
    at: Mapped[str | None] = mapped_column(Text(collation="C"), Computed("entry::jsonb ->> 'at'", persisted=True))
    """ISO 8601 in UTC, of fixed width, so that it sorts as text."""
    action: Mapped[str | None] = mapped_column(Text, Computed("entry::jsonb ->> 'action'", persisted=True))
    actor: Mapped[str | None] = mapped_column(Text, Computed("entry::jsonb ->> 'actor'", persisted=True))
    account_id: Mapped[int | None] = mapped_column(
        BigInteger, Computed("(entry::jsonb ->> 'account_id')::bigint", persisted=True)
    )

    __table_args__ = (
        Index("ix_audit_entries_at_sequence", "at", "sequence"),
        Index("ix_audit_entries_action_sequence", "action", "sequence"),
        Index("ix_audit_entries_actor_sequence", "actor", "sequence"),
        Index("ix_audit_entries_account_id_sequence", "account_id", "sequence"),
    )


class AuditHead(Base):
    """The end of the chain, in a single row: the number of entries and the hash of the last one."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
