"""The tables of exports and of their files, which are kept in chunks, and which results are wanted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, SmallInteger, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.concurrency.background_jobs import QUEUED, RUNNING, BackgroundJob
from lightbox_shared.requests.periods import ALWAYS, Period

CHUNK_BYTES: Final = 1024 * 1024
"""The size of all chunks of a file but the last one."""


class ExportState(StrEnum):
    """How far an export is. The names are on the wire."""

    QUEUED = QUEUED
    RUNNING = RUNNING
    DONE = "done"
    FAILED = "failed"


class Export(BackgroundJob, Base):
    """An export: what was asked for, how far it is, and the process that works on it."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_unfinished", "id", postgresql_where=text("state IN ('queued', 'running')")),
        Index("ix_exports_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    """Drawn before the row is inserted, for the entry in the audit trail."""
    format: Mapped[str] = mapped_column(Text)
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    rows: Mapped[int] = mapped_column(BigInteger, server_default="0")
    size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes."""
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    """When it is deleted; None while it is not finished."""


class ExportChunk(Base):
    """A piece of the file of an export: `CHUNK_BYTES` from `number * CHUNK_BYTES` on."""

    __tablename__ = "export_chunks"

    export_id: Mapped[int] = mapped_column(ForeignKey(Export.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which results are wanted; None for all."""

    image_states: frozenset[ImageState] | None = None
    job_state: JobState | None = None
    account_id: int | None = None
    """Of the doctor."""
    finished: Period = ALWAYS
    """When the label was finished."""
