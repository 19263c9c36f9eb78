"""The queries on exports and their files."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select

from annotation_service.exports.models import Export, ExportChunk, ExportState
from lightbox_shared.concurrency import background_jobs
from lightbox_shared.concurrency.background_jobs import Mine
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

EXPIRED_AT_ONCE: Final = 20


async def next_id(session: ReadSession) -> int:
    """An id that no export has."""
    sequence = func.pg_get_serial_sequence(Export.__tablename__, "id")
    return int((await session.execute(select(func.nextval(sequence)))).scalar_one())


async def add(
    session: WriteSession, export_id: int, wanted: str, filters: Mapping[str, Any], account_id: int
) -> Export:
    """Insert an export that waits for its process."""
    values = {"id": export_id, "format": wanted, "filters": dict(filters), "created_by": account_id}
    return (await session.execute(insert(Export).values(values).returning(Export))).scalar_one()


async def find(session: ReadSession, export_id: int) -> Export | None:
    """One export, unless its time is over."""
    return (await session.execute(select(Export).where(Export.id == export_id, _is_kept()))).scalar_one_or_none()


async def page(session: ReadSession, page: PageRequest) -> Sequence[Export]:
    """The exports of a page, newest first, and one more if there is a next page."""
    statement = select(Export).where(_is_kept()).order_by(Export.id.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(Export.id < page.after)
    return (await session.scalars(statement)).all()


async def remove(session: WriteSession, export_id: int) -> bool:
    """Delete an export and its file; whether it was there."""
    return (
        await session.execute(delete(Export).where(Export.id == export_id).returning(Export.id))
    ).scalar() is not None


async def remove_expired(session: WriteSession) -> int:
    """Delete some exports whose time is over; how many."""
    expired = select(Export.id).where(Export.expires_at <= func.now()).limit(EXPIRED_AT_ONCE)
    expired = expired.with_for_update(skip_locked=True)
    return len((await session.execute(delete(Export).where(Export.id.in_(expired)).returning(Export.id))).all())


async def chunk(session: ReadSession, export_id: int, number: int) -> bytes | None:
    """A piece of the file."""
    statement = select(ExportChunk.data).where(ExportChunk.export_id == export_id, ExportChunk.number == number)
    return (await session.execute(statement)).scalar_one_or_none()


async def take(session: WriteSession, dead_after_seconds: float) -> Export | None:
    """The next export that waits, or whose process has not been heard of for so long; from now on it is the caller's,
    with an empty file. None if there is nothing to do."""
    taken = await background_jobs.take(session, Export, dead_after_seconds, columns={"rows": 0, "size": 0})
    if taken is not None and taken.attempt > 1:
        await session.execute(delete(ExportChunk).where(ExportChunk.export_id == taken.id))
    return taken


async def go_on(session: WriteSession, mine: Mine, *, rows: int, size: int) -> bool:
    """Say how large the caller's file is so far, and that the caller is still working on it; False if it is not the
    caller's any more."""
    return await background_jobs.go_on(session, Export, mine, rows=rows, size=size)


async def add_chunk(session: WriteSession, export_id: int, number: int, data: bytes) -> None:
    """Add a piece to the file. The caller has locked the export by `go_on`."""
    await session.execute(insert(ExportChunk).values(export_id=export_id, number=number, data=data))


async def finish(session: WriteSession, mine: Mine, sha256: bytes | None, lifetime_seconds: int) -> bool:
    """The file is complete, or with no digest it has failed; False if it is not the caller's any more."""
    columns = {
        "state": ExportState.FAILED if sha256 is None else ExportState.DONE,
        "sha256": sha256,
        "finished_at": func.now(),
        "expires_at": func.now() + timedelta(seconds=lifetime_seconds),
    }
    return await background_jobs.change(session, Export, mine, columns)


def _is_kept() -> ColumnElement[bool]:
    return or_(Export.expires_at.is_(None), Export.expires_at > func.now())
