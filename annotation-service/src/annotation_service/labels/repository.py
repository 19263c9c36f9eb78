"""The queries on labels."""

from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, column, delete, func, select, table, update
from sqlalchemy.dialects.postgresql import insert

from annotation_service.labels.models import Label
from lightbox_shared.database import ReadSession, Statements, WriteSession

_JOBS: Final = table("jobs", *(column(name) for name in ("label_id", "finished_at", "version", "modified_at")))
"""The part of the table of jobs, which belongs to the workflow, that a label has to do with."""


_LABELS: Final = cast("Table", Label.__table__)
_ADD: Final = (
    insert(_LABELS)
    .values({name: bindparam(name, type_=_LABELS.c[name].type) for name in ("author_id", "scheme_id", "fields")})
    .returning(*_LABELS.c)
)


async def find(session: ReadSession | WriteSession, label_id: int) -> Label | None:
    """One label."""
    return await session.get(Label, label_id)


async def lock(session: WriteSession, label_id: int) -> Label | None:
    """The label as it is now, locked until the end of the transaction."""
    statement = select(Label).where(Label.id == label_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def add(statements: Statements, author_id: int, scheme_id: int, fields: dict[str, Any]) -> Label:
    """Insert a label."""
    values = {"author_id": author_id, "scheme_id": scheme_id, "fields": fields}
    return Label(**(await statements.execute(_ADD, values)).mappings().one())


async def change(session: WriteSession, label_id: int, fields: dict[str, Any]) -> Label:
    """Replace the fields of a locked label."""
    columns = {"fields": fields, "version": Label.version + 1, "modified_at": func.now()}
    statement = update(Label).where(Label.id == label_id).values(columns).returning(Label)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one()


async def take_out_of_its_job(session: WriteSession, label_id: int) -> None:
    """The open job that carries the label carries none then.

    The job is locked before the label, as it is where a doctor finishes it: two transactions that lock in different
    orders would wait for each other.
    """
    carrier = update(_JOBS).where(_JOBS.c.label_id == label_id, _JOBS.c.finished_at.is_(None))
    changes = {"label_id": None, "version": _JOBS.c.version + 1, "modified_at": func.now()}
    await session.execute(carrier.values(changes))


async def remove(session: WriteSession, label_id: int) -> None:
    """Delete a label."""
    await session.execute(delete(Label).where(Label.id == label_id))
